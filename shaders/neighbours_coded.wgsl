// use lib/best.wgsl
// The nearest rows by cosine, nearly: all pairs of vectors of 8-bit codes of two pages, a scale a row. What it finds is ranked
// by the true vectors afterwards.
//
// Rows lie in tiles of 128: word c of the tile's rows 4r..4r + 4 is at (tile × depth + c) × 32 + r. Each invocation has 8 × 8
// products in registers. The twins are `math/exact.rs` and, for cells, `math/hnsw.rs`.

@group(0) @binding(1) var<storage, read> left: array<vec4u>;
@group(0) @binding(2) var<storage, read> right: array<vec4u>;
@group(0) @binding(5) var<storage, read> scales: array<vec4f>;   // what a column's codes are multiplied by

// Of `compare_cells`: a tile of a cell's rows, tiles of the same cell (from, to), and where the cell's rows end.
@group(0) @binding(6) var<storage, read> jobs: array<vec4u>;

var<workgroup> slab_left: array<vec4u, 256>;
var<workgroup> slab_right: array<vec4u, 256>;

// The products of four codes of one row with those of four columns.
fn four_products(a: u32, b: vec4u) -> vec4i {
    return vec4i(dot4I8Packed(a, b.x), dot4I8Packed(a, b.y), dot4I8Packed(a, b.z), dot4I8Packed(a, b.w));
}

// Tile `tile` of `left` with the tiles begin..end of `right`.
fn compare_tile(tile: u32, begin: u32, end: u32, t: u32) {
    let ty = t / 16u;
    let tx = t % 16u;
    fetch_floors(tile, t);
    for (var other = begin; other < end; other++) {
        var a0 = vec4i(0); var b0 = vec4i(0);
        var a1 = vec4i(0); var b1 = vec4i(0);
        var a2 = vec4i(0); var b2 = vec4i(0);
        var a3 = vec4i(0); var b3 = vec4i(0);
        var a4 = vec4i(0); var b4 = vec4i(0);
        var a5 = vec4i(0); var b5 = vec4i(0);
        var a6 = vec4i(0); var b6 = vec4i(0);
        var a7 = vec4i(0); var b7 = vec4i(0);
        for (var c = 0u; c < span.depth; c += SLAB) {
            workgroupBarrier();
            slab_left[t] = left[(tile * span.depth + c) * 32u + t];
            slab_right[t] = right[(other * span.depth + c) * 32u + t];
            workgroupBarrier();
            for (var s = 0u; s < SLAB; s++) {
                let p = slab_left[s * 32u + ty];
                let q = slab_left[s * 32u + 16u + ty];
                let u = slab_right[s * 32u + tx];
                let v = slab_right[s * 32u + 16u + tx];
                a0 += four_products(p.x, u); b0 += four_products(p.x, v);
                a1 += four_products(p.y, u); b1 += four_products(p.y, v);
                a2 += four_products(p.z, u); b2 += four_products(p.z, v);
                a3 += four_products(p.w, u); b3 += four_products(p.w, v);
                a4 += four_products(q.x, u); b4 += four_products(q.x, v);
                a5 += four_products(q.y, u); b5 += four_products(q.y, v);
                a6 += four_products(q.z, u); b6 += four_products(q.z, v);
                a7 += four_products(q.w, u); b7 += four_products(q.w, v);
            }
        }
        // A row's own scale changes nothing on its list.
        let u = scales[other * 32u + tx];
        let v = scales[other * 32u + 16u + tx];
        let scaled = Products(
            vec4f(a0) * u, vec4f(a1) * u, vec4f(a2) * u, vec4f(a3) * u,
            vec4f(a4) * u, vec4f(a5) * u, vec4f(a6) * u, vec4f(a7) * u,
            vec4f(b0) * v, vec4f(b1) * v, vec4f(b2) * v, vec4f(b3) * v,
            vec4f(b4) * v, vec4f(b5) * v, vec4f(b6) * v, vec4f(b7) * v,
        );
        keep_best(scaled, tile, other, t);
    }
}

// All tiles of a page of rows with the same tiles of columns.
@compute @workgroup_size(256)
fn compare(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let tile = span.tile + group_number(group, groups);
    if (tile * TILE >= span.rows) {
        return;
    }
    rows_there = span.rows;
    columns_there = span.columns;
    compare_tile(tile, span.begin, span.end, t);
}

// Each tile with tiles of its own cell, as the jobs begin..end say; `left` and `right` are the same.
@compute @workgroup_size(256)
fn compare_cells(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let number = span.begin + group_number(group, groups);
    if (number >= span.end) {
        return;
    }
    let job = jobs[number];
    rows_there = job.w;
    columns_there = job.w;
    compare_tile(job.x, job.y, job.z, t);
}
