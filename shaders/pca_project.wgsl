// use lib/groups.wgsl
// use lib/narrow.wgsl
// Principal components: rows seen from their mean, along up to 64 axes. In the units of the rows.
//
// The mean is taken away on the way to shared memory: nothing is copied, and rows far from zero lose no digits. The twin is
// `math/pca.rs`.

struct Span {
    rows: u32,             // rows of the page
    depth: u32,            // components a row, a multiple of SLAB
    tile: u32,             // the tile of 128 rows of the first workgroup
    end: u32,              // the tile after the last workgroup's
    first: u32,            // the row whose result comes first in `along`
    width: u32,            // fours of axes that are wanted
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> rows: array<f32>;               // row by row
@group(0) @binding(2) var<storage, read> axes: array<vec4f>;             // component by component, 64 axes each
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> along: array<vec4f>;      // row by row, `width` fours each

fn keep(row: u32, column: u32, sums: vec4f) {
    if (row < span.rows && column < span.width) {
        along[(row - span.first) * span.width + column] = sums;
    }
}

@compute @workgroup_size(256)
fn project(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let tile = span.tile + group_number(group, groups);
    if (tile >= span.end) {
        return;
    }
    let s_own = t % SLAB;
    let r_own = t / SLAB;
    let depth = span.depth;
    let start = (tile * 128u + 4u * r_own) * depth + s_own;
    var sums = no_sums();
    for (var c = 0u; c < depth; c += SLAB) {
        workgroupBarrier();
        let at = start + c;
        slab_left[s_own * STRIDE + r_own] =
            vec4f(rows[at], rows[at + depth], rows[at + 2u * depth], rows[at + 3u * depth]) - mean[c + s_own];
        if (t < SLAB * WIDTH) {
            slab_right[t] = axes[c * WIDTH + t];
        }
        workgroupBarrier();
        sums = with_slab(sums, t);
    }
    let row = tile * 128u + 4u * (t / 16u);
    let column = t % 16u;
    keep(row, column, sums.a0);
    keep(row + 1u, column, sums.a1);
    keep(row + 2u, column, sums.a2);
    keep(row + 3u, column, sums.a3);
    keep(row + 64u, column, sums.a4);
    keep(row + 65u, column, sums.a5);
    keep(row + 66u, column, sums.a6);
    keep(row + 67u, column, sums.a7);
}
