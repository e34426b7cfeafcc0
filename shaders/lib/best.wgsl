// use lib/groups.wgsl
// use lib/tile.wgsl
// Tiles of products, and the lists of the best of each row so far.
//
// A workgroup of 256 compares the 128 rows of one tile with the 128 columns of another. Products that are better than the
// worst on their row's list go through a queue to the invocation that keeps that row's list; almost none do, once
// the lists have filled. Ids decide between equal scores, so that the order of the queue does not matter.

const QUEUE = 512u;
const EMPTY = -3.0e38;     // the score of a free place
const NEVER = 3.0e38;      // more than any score

struct Span {
    rows: u32,             // rows of this page that are there
    columns: u32,          // columns of the other page that are there
    depth: u32,            // components (or words) a row, a multiple of SLAB
    k: u32,                // places on a list
    first_row: u32,        // the id of the page's first row
    first_column: u32,
    tile: u32,             // the tile of rows of the first workgroup
    begin: u32,            // tiles of columns: begin..end
    end: u32,
    first_list: u32,       // the row of the page that the first list is of
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;   // k a row from first_list on, best first
@group(0) @binding(4) var<storage, read_write> ids: array<u32>;      // the same

var<private> rows_there: u32;      // rows before this one are there
var<private> columns_there: u32;   // columns before this one are there
var<workgroup> floors: array<f32, 128>;       // the worst score on each row's list
var<workgroup> queue: array<vec2u, 512>;      // row | column << 8, and the bits of the score
var<workgroup> queued: atomic<u32>;
var<workgroup> worthy: atomic<u32>;

// Fetches the floors of the rows of `tile`.
fn fetch_floors(tile: u32, t: u32) {
    if (t < TILE) {
        let row = tile * TILE + t;
        floors[t] = select(NEVER, scores[(row - span.first_list) * span.k + span.k - 1u], row < rows_there);
    }
    if (t == 0u) {
        atomicStore(&queued, 0u);
        atomicStore(&worthy, 0u);
    }
    workgroupBarrier();
}

// How many of four products in `row` reach its floor.
fn reaching(row: u32, s: vec4f) -> u32 {
    let reached = select(vec4u(0u), vec4u(1u), s >= vec4f(floors[row]));
    return reached.x + reached.y + reached.z + reached.w;
}

fn queue_one(row: u32, column: u32, tile: u32, other: u32, s: f32) {
    let i = tile * TILE + row;
    let j = other * TILE + column;
    if (s < floors[row] || j >= columns_there || span.first_row + i == span.first_column + j) {
        return;
    }
    let place = atomicAdd(&queued, 1u);
    queue[min(place, QUEUE - 1u)] = vec2u(row | (column << 8u), bitcast<u32>(s));
}

// Queues those of four products in `row` that reach its floor: columns column..column + 4 of tile `other`.
fn queue_four(row: u32, column: u32, tile: u32, other: u32, s: vec4f) {
    if (all(s < vec4f(floors[row]))) {
        return;
    }
    queue_one(row, column, tile, other, s.x);
    queue_one(row, column + 1u, tile, other, s.y);
    queue_one(row, column + 2u, tile, other, s.z);
    queue_one(row, column + 3u, tile, other, s.w);
}

fn beats(score: f32, id: u32, at: u32) -> bool {
    let other = scores[at];
    return score > other || (score == other && id < ids[at]);
}

// Puts what is queued for row `t` onto its list.
fn keep_queued(tile: u32, other: u32, t: u32) {
    if (t >= TILE) {
        return;
    }
    let start = (tile * TILE + t - span.first_list) * span.k;
    let last = start + span.k - 1u;
    let count = min(atomicLoad(&queued), QUEUE);
    for (var e = 0u; e < count; e++) {
        let entry = queue[e];
        if ((entry.x & 0xffu) != t) {
            continue;
        }
        let score = bitcast<f32>(entry.y);
        let id = span.first_column + other * TILE + (entry.x >> 8u);
        if (!beats(score, id, last)) {
            continue;
        }
        var place = last;
        while (place > start && beats(score, id, place - 1u)) {
            scores[place] = scores[place - 1u];
            ids[place] = ids[place - 1u];
            place--;
        }
        scores[place] = score;
        ids[place] = id;
        floors[t] = scores[last];
    }
}

// Puts those of an invocation's products that reach their row's floor onto the lists. The queue holds them all, or they go in 32 parts
// of at most 512.
fn keep_best(p: Products, tile: u32, other: u32, t: u32) {
    let ty = t / 16u;
    let tx = t % 16u;
    let found = reaching(4u * ty + 0u, p.a0) + reaching(4u * ty + 0u, p.b0)
        + reaching(4u * ty + 1u, p.a1) + reaching(4u * ty + 1u, p.b1)
        + reaching(4u * ty + 2u, p.a2) + reaching(4u * ty + 2u, p.b2)
        + reaching(4u * ty + 3u, p.a3) + reaching(4u * ty + 3u, p.b3)
        + reaching(64u + 4u * ty + 0u, p.a4) + reaching(64u + 4u * ty + 0u, p.b4)
        + reaching(64u + 4u * ty + 1u, p.a5) + reaching(64u + 4u * ty + 1u, p.b5)
        + reaching(64u + 4u * ty + 2u, p.a6) + reaching(64u + 4u * ty + 2u, p.b6)
        + reaching(64u + 4u * ty + 3u, p.a7) + reaching(64u + 4u * ty + 3u, p.b7);
    if (found > 0u) {
        atomicAdd(&worthy, found);
    }
    workgroupBarrier();
    let all_found = atomicLoad(&worthy);
    // None, mostly.
    let parts = select(select(32u, 1u, all_found <= QUEUE), 0u, all_found == 0u);
    for (var part = 0u; part < parts; part++) {
        if (parts == 1u || part == 2u * tx) {
            queue_four(4u * ty + 0u, 4u * tx, tile, other, p.a0);
            queue_four(4u * ty + 1u, 4u * tx, tile, other, p.a1);
            queue_four(4u * ty + 2u, 4u * tx, tile, other, p.a2);
            queue_four(4u * ty + 3u, 4u * tx, tile, other, p.a3);
            queue_four(64u + 4u * ty + 0u, 4u * tx, tile, other, p.a4);
            queue_four(64u + 4u * ty + 1u, 4u * tx, tile, other, p.a5);
            queue_four(64u + 4u * ty + 2u, 4u * tx, tile, other, p.a6);
            queue_four(64u + 4u * ty + 3u, 4u * tx, tile, other, p.a7);
        }
        if (parts == 1u || part == 2u * tx + 1u) {
            queue_four(4u * ty + 0u, 64u + 4u * tx, tile, other, p.b0);
            queue_four(4u * ty + 1u, 64u + 4u * tx, tile, other, p.b1);
            queue_four(4u * ty + 2u, 64u + 4u * tx, tile, other, p.b2);
            queue_four(4u * ty + 3u, 64u + 4u * tx, tile, other, p.b3);
            queue_four(64u + 4u * ty + 0u, 64u + 4u * tx, tile, other, p.b4);
            queue_four(64u + 4u * ty + 1u, 64u + 4u * tx, tile, other, p.b5);
            queue_four(64u + 4u * ty + 2u, 64u + 4u * tx, tile, other, p.b6);
            queue_four(64u + 4u * ty + 3u, 64u + 4u * tx, tile, other, p.b7);
        }
        workgroupBarrier();
        keep_queued(tile, other, t);
        workgroupBarrier();
        if (t == 0u) {
            atomicStore(&queued, 0u);
        }
        workgroupBarrier();
    }
    if (t == 0u) {
        atomicStore(&worthy, 0u);
    }
}
