//! Groups of copies and their members as the page "Copies" shows them, made by workers as its slider moves.

use std::ops::Range;
use std::sync::Arc;

use crate::data::{Clause, Condition, Corpus, Filter, Key, Mask, Members};
use crate::job::Ctx;
use crate::job::derived::{Derived, Same};
use crate::math::duplicates::{Duplicates, Groups, Keep, Likeness, MEANING_THRESHOLD, TEXT_THRESHOLD};
use crate::session::{Session, Wake};

use super::format;
use super::marking;

/// What the filter calls the documents that are left out when one of each group shows.
pub const SURPLUS: &str = "copies beyond one of each";
/// Characters of a member's text that show, and bytes before what differs.
const SHOWN: usize = 160;
const BEFORE: usize = 24;

/// Which documents are copies of one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Apart from case, white space and punctuation they are the same.
    Exact,
    #[default]
    Text,
    Meaning,
}

/// Groups, and what becomes of their documents.
#[derive(Debug, PartialEq)]
pub struct Grouped {
    pub groups: Groups,
    /// The document of each group that stays.
    pub keepers: Vec<u32>,
    /// All others of the groups.
    pub surplus: Members,
    /// Documents of groups, ascending, each with the place of its group.
    places: Vec<(u32, u32)>,
    /// Documents without a text, which are nobody's copies.
    pub without_text: usize,
}

impl Grouped {
    fn of(groups: Groups, keepers: Vec<u32>, without_text: usize) -> Self {
        let mut places: Vec<(u32, u32)> = (0u32..)
            .zip(&groups.groups)
            .flat_map(|(place, group)| group.iter().map(move |&document| (document, place)))
            .collect();
        places.sort_unstable();
        let stays = |&(document, place): &(u32, u32)| keepers[place as usize] == document;
        let surplus = places.iter().filter(|at| !stays(at)).map(|&(document, _)| document).collect();
        Self { surplus: Members::new(surplus), groups, keepers, places, without_text }
    }

    /// The place of the group that a document is in.
    pub fn place_of(&self, document: u32) -> Option<usize> {
        let at = self.places.binary_search_by_key(&document, |&(document, _)| document).ok()?;
        Some(self.places[at].1 as usize)
    }
}

/// The document of each group that stays: one that shows, where any does (`shown`; `None`: all).
fn keepers(found: &Duplicates, groups: &Groups, keep: Keep, shown: Option<&Mask>) -> Vec<u32> {
    let mut keepers = found.keepers(groups, keep);
    let Some(shown) = shown else { return keepers };
    let (mut places, mut others) = (Vec::new(), Groups::default());
    for (place, group) in groups.groups.iter().enumerate().filter(|(i, _)| !shown.contains(keepers[*i])) {
        let visible: Vec<u32> = group.iter().copied().filter(|&document| shown.contains(document)).collect();
        if let Some(&first) = visible.first() {
            places.push(place);
            others.centres.push(first);
            others.groups.push(visible);
        }
    }
    for (place, keeper) in places.into_iter().zip(found.keepers(&others, keep)) {
        keepers[place] = keeper;
    }
    keepers
}

/// A document of an open group.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub document: u32,
    /// How alike it is to the centre, at most 1.
    pub alike: f32,
    /// Its text in a line that begins shortly before what differs from the centre's, and where in it that is.
    pub line: String,
    pub differs: Range<usize>,
}

impl Member {
    fn of(document: u32, alike: f32, text: &str, centre: &str) -> Self {
        let text = format::one_line(text, usize::MAX);
        let differs = differing(&format::one_line(centre, usize::MAX), &text);
        let start = match differs.is_empty() {
            true => 0,
            false => marking::start_of_line(&text, differs.start, BEFORE),
        };
        let before = if start > 0 { "… " } else { "" };
        let line = format!("{before}{}", format::one_line(&text[start..], SHOWN));
        let moved = |at: usize| (at.saturating_sub(start) + before.len()).min(line.len());
        let differs = moved(differs.start)..moved(differs.end);
        // What is cut away cannot be marked.
        let differs = if line.get(differs.clone()).is_some() { differs } else { 0..0 };
        Self { document, alike, line, differs }
    }
}

/// The words of `text`, as bytes, from the first to the last letter that is another than in `other`, whatever its case;
/// empty where nothing is put in or changed.
fn differing(other: &str, text: &str) -> Range<usize> {
    let same = |(a, b): &(char, char)| a == b || a.to_lowercase().eq(b.to_lowercase());
    let start: usize = text.chars().zip(other.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let others: usize = other.chars().zip(text.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (rest, other) = (&text[start..], &other[others..]);
    let end: usize =
        rest.chars().rev().zip(other.chars().rev()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let end = text.len() - end;
    if start == end {
        return start..start;
    }
    let first = text[..start].rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let first = text.ceil_char_boundary(first);
    let last = text[end..].find(char::is_whitespace).map_or(text.len(), |at| end + at);
    first..last
}

/// The members of a group: its centre, then the others, the most alike first.
fn members(
    found: &Duplicates,
    likeness: Likeness,
    group: &[u32],
    centre: u32,
    text: impl Fn(u32) -> String,
    ctx: &Ctx,
) -> Vec<Member> {
    let original = text(centre);
    let mut members = Vec::with_capacity(group.len());
    for &document in group {
        if ctx.cancel.is_cancelled() {
            break;
        }
        let alike = found.share(likeness, centre, document).unwrap_or_default();
        members.push(Member::of(document, alike, &text(document), &original));
    }
    members.sort_by(|a, b| {
        let centre_last = |member: &Member| member.document != centre;
        centre_last(a)
            .cmp(&centre_last(b))
            .then(b.alike.total_cmp(&a.alike))
            .then(a.document.cmp(&b.document))
    });
    members
}

/// The filter with one document of each group, in place of an earlier choice.
pub fn showing_one_of_each(filter: &Filter, surplus: &Members) -> Filter {
    let condition = Condition::Documents { name: SURPLUS.to_owned(), documents: surplus.clone() };
    let clause = Clause::not(condition);
    let mut filter = filter.clone();
    match own_clause(&filter) {
        Some((at, _)) => filter.clauses[at] = clause,
        None => filter.clauses.push(clause),
    }
    filter
}

/// The clause of a filter that shows one of each, by its place, and what it leaves out.
pub fn own_clause(filter: &Filter) -> Option<(usize, &Members)> {
    filter.clauses.iter().enumerate().find_map(|(at, clause)| match &clause.condition {
        Condition::Documents { name, documents } if clause.not && name == SURPLUS => Some((at, documents)),
        _ => None,
    })
}

#[derive(Clone, PartialEq)]
struct GroupsKey {
    found: Same<Duplicates>,
    way: Way,
    threshold: f32,
    keep: Keep,
    kept: Option<Same<Mask>>,
    /// What the page's own clause leaves out, which counts as shown.
    own: Option<Key>,
}

type MembersKey = (Same<Grouped>, Same<Corpus>, usize);

/// What the page remembers between frames.
pub struct CopiesState {
    pub way: Way,
    /// How alike texts and vectors have to be.
    pub by_text: f32,
    pub by_meaning: f32,
    pub keep: Keep,
    /// A document of the group that is open.
    pub open: Option<u32>,
    grouped: Derived<GroupsKey, Grouped>,
    members: Derived<MembersKey, Vec<Member>>,
}

impl Default for CopiesState {
    fn default() -> Self {
        Self {
            way: Way::default(),
            by_text: TEXT_THRESHOLD,
            by_meaning: MEANING_THRESHOLD,
            keep: Keep::default(),
            open: None,
            grouped: Derived::new("groups of copies"),
            members: Derived::new("a group of copies"),
        }
    }
}

impl CopiesState {
    /// By what members are compared with their centre.
    pub fn likeness(&self) -> Likeness {
        match self.way {
            Way::Exact | Way::Text => Likeness::Text,
            Way::Meaning => Likeness::Meaning,
        }
    }

    /// Asks for what the page shows; call it every frame in which it does.
    pub fn update(&mut self, session: &Session, wake: &Wake) {
        let Some((found, corpus)) = session.copies().zip(session.corpus()) else { return };
        if self.way == Way::Meaning && !found.knows_meaning() {
            self.way = Way::Text;
        }
        let own = session.filter().and_then(own_clause).map(|(_, members)| members.clone());
        let key = GroupsKey {
            found: Same(found.clone()),
            way: self.way,
            threshold: if self.way == Way::Meaning { self.by_meaning } else { self.by_text },
            keep: self.keep,
            kept: session.kept().cloned().map(Same),
            own: own.as_ref().map(Members::key),
        };
        let asked = key.clone();
        self.grouped.want_in_turn(key, wake, move |_| group(&asked, own.as_ref()));
        let likeness = self.likeness();
        let Some(grouped) = self.grouped.latest() else { return };
        let Some(place) = self.open.and_then(|document| grouped.place_of(document)) else { return };
        let key = (Same(grouped.clone()), Same(corpus.clone()), place);
        let (found, corpus, grouped) = (found.clone(), corpus.clone(), grouped.clone());
        self.members.want(key, wake, move |ctx| {
            let (group, centre) = (&grouped.groups.groups[place], grouped.groups.centres[place]);
            members(&found, likeness, group, centre, |i| corpus.text(i as usize).into_owned(), ctx)
        });
    }

    /// The groups; while others are made, those before.
    pub fn grouped(&self) -> Option<&Arc<Grouped>> {
        self.grouped.latest()
    }

    /// The place of the open group, and its members once they were compared.
    pub fn opened(&self, session: &Session) -> Option<(usize, Option<&Arc<Vec<Member>>>)> {
        let grouped = self.grouped()?;
        let place = grouped.place_of(self.open?)?;
        let key = (Same(grouped.clone()), Same(session.corpus()?.clone()), place);
        Some((place, self.members.of(&key)))
    }
}

fn group(key: &GroupsKey, own: Option<&Members>) -> Grouped {
    let Same(found) = &key.found;
    let groups = match key.way {
        Way::Exact => found.exact(),
        Way::Text => found.groups_at(Likeness::Text, key.threshold),
        Way::Meaning => found.groups_at(Likeness::Meaning, key.threshold),
    };
    let shown = key.kept.as_ref().map(|Same(kept)| {
        let own = Mask::of_documents(kept.len(), own.map_or(&[], |own| own.documents().as_slice()));
        // Whatever is in one of the two.
        kept.not().and(&own.not()).not()
    });
    let keepers = keepers(found, &groups, key.keep, shown.as_ref());
    Grouped::of(groups, keepers, found.without_text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::duplicates;

    const TEXTS: [&str; 6] = [
        "How do I repair an old violin?",
        "Something else entirely",
        "how do I repair an old violin",
        "How do I repair my very old violin?",
        "Soup on Sundays is warm",
        "Soup on Sunday is warm",
    ];

    fn found() -> Duplicates {
        duplicates::find(TEXTS.len(), &|i| TEXTS[i], None, &Ctx::quiet()).unwrap()
    }

    fn grouped(keep: Keep, shown: Option<&[u32]>) -> Grouped {
        let found = found();
        let groups = found.groups_at(Likeness::Text, 0.7);
        let shown = shown.map(|shown| Mask::of_documents(TEXTS.len(), shown));
        let keepers = keepers(&found, &groups, keep, shown.as_ref());
        Grouped::of(groups, keepers, 0)
    }

    #[test]
    fn all_but_one_of_each_group_are_surplus_and_each_document_knows_its_group() {
        let grouped = grouped(Keep::Longest, None);
        assert_eq!(grouped.groups.groups, [vec![0, 2, 3], vec![4, 5]]);
        assert_eq!(grouped.keepers, [3, 4]);
        assert_eq!(**grouped.surplus.documents(), [0, 2, 5]);
        assert_eq!((grouped.place_of(5), grouped.place_of(1)), (Some(1), None));
    }

    #[test]
    fn the_one_that_stays_is_one_that_the_filter_shows() {
        assert_eq!(grouped(Keep::Longest, Some(&[0, 2])).keepers, [0, 4]);
        assert_eq!(grouped(Keep::First, Some(&[2, 3, 5])).keepers, [2, 5]);
        assert_eq!(grouped(Keep::First, Some(&[])).keepers, [0, 4], "where none shows the rule decides");
    }

    #[test]
    fn what_differs_is_marked_by_whole_words() {
        let differs = |other: &str, text: &str| text[differing(other, text)].to_owned();
        assert_eq!(differs(TEXTS[0], TEXTS[3]), "my very");
        assert_eq!(differs(TEXTS[5], TEXTS[4]), "Sundays");
        assert_eq!(differs("Soup is WARM", "soup IS warm"), "");
        assert_eq!(differs("soup is very warm", "soup is warm"), "", "what is missing cannot be marked");
        assert_eq!(differs("日本語の本", "日本酒の本"), "日本酒の本");
        assert_eq!(differs("", "soup"), "soup");
    }

    #[test]
    fn a_line_begins_shortly_before_what_differs() {
        let start = "The same words again and again, ".repeat(20);
        let (text, centre) =
            (format!("{start}but here are some others"), format!("{start}but here are none"));
        let member = Member::of(7, 0.9, &text, &centre);
        assert_eq!(&member.line[member.differs.clone()], "some others");
        assert!(member.line.starts_with("… ") && member.line.len() < 80, "{}", member.line);
        let short = Member::of(7, 1.0, "Soup", "soup");
        assert_eq!((short.line.as_str(), short.differs), ("Soup", 4..4));
        let same = Member::of(7, 1.0, &text, &text.to_uppercase());
        assert!(same.line.starts_with("The same words"), "{}", same.line);
    }

    #[test]
    fn members_come_after_their_centre_the_most_alike_first() {
        let found = found();
        let text = |i: u32| TEXTS[i as usize].to_owned();
        let listed = members(&found, Likeness::Text, &[0, 2, 3], 2, text, &Ctx::quiet());
        assert_eq!(listed.iter().map(|member| member.document).collect::<Vec<_>>(), [2, 0, 3]);
        assert!(listed[1].alike == 1.0 && listed[2].alike < 1.0);
    }

    #[test]
    fn a_second_choice_takes_the_place_of_the_first() {
        let other = Clause::of(Condition::Tag("read".into()));
        let filter = Filter::default().with(other.clone());
        let one = showing_one_of_each(&filter, &Members::new(vec![1]));
        let two =
            showing_one_of_each(&one.with(Clause::of(Condition::Tag("b".into()))), &Members::new(vec![2]));
        assert_eq!((one.clauses.len(), two.clauses.len()), (2, 3));
        assert_eq!(own_clause(&two), Some((1, &Members::new(vec![2]))));
        assert_eq!(own_clause(&filter), None);
    }
}
