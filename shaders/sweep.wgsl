// use lib/groups.wgsl
// A sweep over neighbours' neighbours: candidates for each row's list, their products with it, and the best of them.
//
// Each row has 1024 places for candidates: its old list, its own links, and the links of the first rows on its list. Old
// lists are read and new ones written, and ids decide between equal scores, so that no order matters. The twin is
// `math/sweep.rs`.

const PLACES = 1024u;
const NOBODY = 0xffffffffu;
const EMPTY = -3.0e38;     // the score of a free place

struct Span {
    begin: u32,            // rows of the chunk: begin..end
    end: u32,
    first_row: u32,        // the id of the chunk's first row
    width: u32,            // places on a list
    visited: u32,          // rows on a list whose links are looked at
    links: u32,            // links a row
    first: u32,            // the id of the first row of the page at hand
    there: u32,            // rows of that page
    quads: u32,            // fours of words a row
    own: u32,              // where the chunk's first row is in `left`
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> lists: array<u32>;              // of the chunk: width a row
@group(0) @binding(2) var<storage, read> links: array<u32>;              // of the page
@group(0) @binding(3) var<storage, read_write> candidates: array<u32>;   // of the chunk: PLACES a row
@group(0) @binding(4) var<storage, read> left: array<vec4u>;             // codes of the page of the chunk
@group(0) @binding(5) var<storage, read> right: array<vec4u>;            // codes of the page at hand
@group(0) @binding(6) var<storage, read> scales: array<f32>;             // of the page at hand
@group(0) @binding(7) var<storage, read_write> scores: array<f32>;       // of the chunk: PLACES a row
@group(0) @binding(8) var<storage, read_write> next_lists: array<u32>;   // of the chunk: width a row

var<workgroup> sorted_scores: array<f32, 1024>;
var<workgroup> sorted_ids: array<u32, 1024>;

fn used() -> u32 {
    return span.width + (span.visited + 1u) * span.links;
}

// Puts the links of one row, itself or one on its list, among its candidates where they are on the page at hand.
@compute @workgroup_size(256)
fn collect(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let at = group_number(group, groups) * 256u + t;
    let row = span.begin + at / (span.visited + 1u);
    let turn = at % (span.visited + 1u);
    if (row >= span.end) {
        return;
    }
    let list = row * span.width;
    let to = row * PLACES;
    var through = span.first_row + row;
    if (turn > 0u) {
        through = lists[list + turn - 1u];
    } else {
        for (var place = 0u; place < span.width; place++) {
            candidates[to + place] = lists[list + place];
        }
    }
    let start = to + span.width + turn * span.links;
    let there = through - span.first;
    for (var link = 0u; link < span.links; link++) {
        if (through == NOBODY) {
            candidates[start + link] = NOBODY;
        } else if (there < span.there) {
            candidates[start + link] = links[there * span.links + link];
        }
    }
}

// The product of a row with one of its candidates that is on the page at hand, by codes; a row's own scale changes nothing.
@compute @workgroup_size(256)
fn compare(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let at = group_number(group, groups) * 256u + t;
    let row = span.begin + at / PLACES;
    let place = at % PLACES;
    if (row >= span.end || place >= used()) {
        return;
    }
    let id = candidates[row * PLACES + place];
    let there = id - span.first;
    if (id == NOBODY || there >= span.there) {
        return;
    }
    let a = (span.own + row) * span.quads;
    let b = there * span.quads;
    var sum = 0;
    for (var c = 0u; c < span.quads; c++) {
        let p = left[a + c];
        let q = right[b + c];
        sum += dot4I8Packed(p.x, q.x) + dot4I8Packed(p.y, q.y)
            + dot4I8Packed(p.z, q.z) + dot4I8Packed(p.w, q.w);
    }
    scores[row * PLACES + place] = f32(sum) * scales[there];
}

fn comes_before(i: u32, j: u32) -> bool {
    let a = sorted_scores[i];
    let b = sorted_scores[j];
    return a > b || (a == b && sorted_ids[i] < sorted_ids[j]);
}

// The best candidates of one row, each once, and never the row itself.
@compute @workgroup_size(256)
fn choose(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let row = span.begin + group_number(group, groups);
    if (row >= span.end) {
        return;
    }
    for (var place = t; place < PLACES; place += 256u) {
        var id = NOBODY;
        if (place < used()) {
            id = candidates[row * PLACES + place];
        }
        let taken = id != NOBODY && id != span.first_row + row;
        sorted_ids[place] = select(NOBODY, id, taken);
        sorted_scores[place] = select(EMPTY, scores[row * PLACES + place], taken);
    }
    // Bitonic (Batcher 1968).
    for (var size = 2u; size <= PLACES; size *= 2u) {
        for (var stride = size / 2u; stride > 0u; stride /= 2u) {
            workgroupBarrier();
            for (var pair = t; pair < PLACES / 2u; pair += 256u) {
                let i = 2u * stride * (pair / stride) + pair % stride;
                let j = i + stride;
                let ascending = (i & size) == 0u;
                if ((ascending && comes_before(j, i)) || (!ascending && comes_before(i, j))) {
                    let score = sorted_scores[i];
                    let id = sorted_ids[i];
                    sorted_scores[i] = sorted_scores[j];
                    sorted_ids[i] = sorted_ids[j];
                    sorted_scores[j] = score;
                    sorted_ids[j] = id;
                }
            }
        }
    }
    workgroupBarrier();
    if (t == 0u) {
        var last = NOBODY;
        var count = 0u;
        for (var place = 0u; place < PLACES && count < span.width; place++) {
            let id = sorted_ids[place];
            // The same row has the same score: repetitions follow each other.
            if (id != last && id != NOBODY) {
                next_lists[row * span.width + count] = id;
                last = id;
                count++;
            }
        }
        for (; count < span.width; count++) {
            next_lists[row * span.width + count] = NOBODY;
        }
    }
}
