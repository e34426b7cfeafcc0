// use lib/groups.wgsl
// use lib/product.wgsl
// use lib/thresholds.wgsl
// Quality of a map: how many rows of the space are more similar to a query than each of its thresholds. `left` holds the queries,
// `right` a page of rows, all of unit length, so that products are cosines. The twin is `math/quality_counts.rs`.

struct Span {
    queries: u32,
    query_tiles: u32,
    rows: u32,             // rows of this page
    depth: u32,            // components a row, a multiple of SLAB
    k: u32,                // thresholds a query
    first_row: u32,        // the id of the page's first row
    tile: u32,             // tiles of rows: tile..end
    end: u32,
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(5) var<storage, read> own: array<u32>;      // the row that each query is: it is not compared with

fn lowest(query: u32) -> f32 {
    return select(NEVER, thresholds[query * span.k], query < span.queries);
}

fn count_one(query: u32, row: u32, score: f32) {
    if (row < span.rows && span.first_row + row != own[query]) {
        atomicAdd(&passed[query * span.k + last_passed(score, query, span.k)], 1u);
    }
}

fn count_four(query: u32, low: f32, row: u32, scores: vec4f) {
    if (all(scores <= vec4f(low))) {
        return;
    }
    if (scores.x > low) {
        count_one(query, row, scores.x);
    }
    if (scores.y > low) {
        count_one(query, row + 1u, scores.y);
    }
    if (scores.z > low) {
        count_one(query, row + 2u, scores.z);
    }
    if (scores.w > low) {
        count_one(query, row + 3u, scores.w);
    }
}

fn count_eight(query: u32, row: u32, u: vec4f, v: vec4f) {
    let low = lowest(query);
    count_four(query, low, row, u);
    count_four(query, low, row + 64u, v);
}

@compute @workgroup_size(256)
fn count(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let number = group_number(group, groups);
    let tile = number % span.query_tiles;
    let other = span.tile + number / span.query_tiles;
    if (other >= span.end) {
        return;
    }
    let p = products(tile, other, span.depth, t);
    let query = tile * TILE + 4u * (t / 16u);
    let row = other * TILE + 4u * (t % 16u);
    count_eight(query, row, p.a0, p.b0);
    count_eight(query + 1u, row, p.a1, p.b1);
    count_eight(query + 2u, row, p.a2, p.b2);
    count_eight(query + 3u, row, p.a3, p.b3);
    count_eight(query + 64u, row, p.a4, p.b4);
    count_eight(query + 65u, row, p.a5, p.b5);
    count_eight(query + 66u, row, p.a6, p.b6);
    count_eight(query + 67u, row, p.a7, p.b7);
}
