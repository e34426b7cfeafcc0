// use lib/groups.wgsl
// use lib/product.wgsl
// k-means, first half of a round: the nearest centre of every row, and how near the two nearest are.
//
// A score is the product of a row and a centre less the centre's offset: nothing where directions are compared, half the
// centre's square where distances are. Scores are never written, but for the two best of each row. Rows and centres are
// padded with zeros to whole tiles. The twin is `math/kmeans.rs`.

const EMPTY = -3.0e38;        // the score of no centre
const NOBODY = 0xffffffffu;   // the label of a row that says nothing

struct Span {
    rows: u32,             // rows of this page that are there
    depth: u32,            // components a row, a multiple of SLAB
    tile: u32,             // the tile of rows of the first workgroup
    tiles: u32,            // tiles of centres in `right`
    first_centre: u32,     // the number of the first centre in `right`
    fresh: u32,            // 1: no centre was looked at before
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(3) var<storage, read> offsets: array<vec4f>;         // of the centres; 3e38 where there is none
@group(0) @binding(4) var<storage, read> squares: array<f32>;           // the rows' own, 0 for one that says nothing
@group(0) @binding(5) var<storage, read_write> labels: array<u32>;
@group(0) @binding(6) var<storage, read_write> nearest: array<f32>;     // the best score
@group(0) @binding(7) var<storage, read_write> second: array<f32>;      // the second best

var<workgroup> found_scores: array<vec2f, 256>;
var<workgroup> found_centres: array<u32, 256>;

struct Best {
    first: f32,
    second: f32,
    centre: u32,
}

fn with_score(best: Best, score: f32, centre: u32) -> Best {
    if (score > best.first) {
        return Best(score, best.first, centre);
    }
    return Best(best.first, max(best.second, score), best.centre);
}

// With eight more: u's are of the centres from `centre` on, v's of those 64 further. Ascending, so that the first of equals stays.
fn with_eight(best: Best, u: vec4f, v: vec4f, centre: u32) -> Best {
    var b = with_score(best, u.x, centre);
    b = with_score(b, u.y, centre + 1u);
    b = with_score(b, u.z, centre + 2u);
    b = with_score(b, u.w, centre + 3u);
    b = with_score(b, v.x, centre + 64u);
    b = with_score(b, v.y, centre + 65u);
    b = with_score(b, v.z, centre + 66u);
    return with_score(b, v.w, centre + 67u);
}

fn merged(a: Best, b: Best) -> Best {
    if (b.first > a.first || (b.first == a.first && b.centre < a.centre)) {
        return Best(b.first, max(b.second, a.first), b.centre);
    }
    return Best(a.first, max(a.second, b.first), a.centre);
}

// Merges what sixteen invocations found for one row each of them shares, and keeps it.
fn keep(row: u32, best: Best, t: u32) {
    workgroupBarrier();
    found_scores[t] = vec2f(best.first, best.second);
    found_centres[t] = best.centre;
    workgroupBarrier();
    if (t % 16u != 0u || row >= span.rows) {
        return;
    }
    var all = Best(EMPTY, EMPTY, NOBODY);
    if (span.fresh == 0u) {
        all = Best(nearest[row], second[row], labels[row]);
    }
    for (var other = t; other < t + 16u; other++) {
        let scores = found_scores[other];
        all = merged(all, Best(scores.x, scores.y, found_centres[other]));
    }
    nearest[row] = all.first;
    second[row] = all.second;
    labels[row] = select(all.centre, NOBODY, squares[row] == 0.0);
}

@compute @workgroup_size(256)
fn assign(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let tile = span.tile + group_number(group, groups);
    if (tile * TILE >= span.rows) {
        return;
    }
    let tx = t % 16u;
    let none = Best(EMPTY, EMPTY, NOBODY);
    var m0 = none; var m1 = none; var m2 = none; var m3 = none;
    var m4 = none; var m5 = none; var m6 = none; var m7 = none;
    for (var other = 0u; other < span.tiles; other++) {
        let p = products(tile, other, span.depth, t);
        let u = offsets[other * 32u + tx];
        let v = offsets[other * 32u + 16u + tx];
        let centre = span.first_centre + other * TILE + 4u * tx;
        m0 = with_eight(m0, p.a0 - u, p.b0 - v, centre);
        m1 = with_eight(m1, p.a1 - u, p.b1 - v, centre);
        m2 = with_eight(m2, p.a2 - u, p.b2 - v, centre);
        m3 = with_eight(m3, p.a3 - u, p.b3 - v, centre);
        m4 = with_eight(m4, p.a4 - u, p.b4 - v, centre);
        m5 = with_eight(m5, p.a5 - u, p.b5 - v, centre);
        m6 = with_eight(m6, p.a6 - u, p.b6 - v, centre);
        m7 = with_eight(m7, p.a7 - u, p.b7 - v, centre);
    }
    let row = tile * TILE + 4u * (t / 16u);
    keep(row, m0, t);
    keep(row + 1u, m1, t);
    keep(row + 2u, m2, t);
    keep(row + 3u, m3, t);
    keep(row + 64u, m4, t);
    keep(row + 65u, m5, t);
    keep(row + 66u, m6, t);
    keep(row + 67u, m7, t);
}
