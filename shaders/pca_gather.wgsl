// use lib/groups.wgsl
// use lib/narrow.wgsl
// Principal components: the sum over rows of each component (seen from the mean) times what the row is along each of 64 axes. That
// is the covariance matrix times the axes, but for the number of rows. In the units of the rows, squared.
//
// `gather` sums blocks of rows by themselves, `add` adds the blocks in their order: the same bits each time. The twin is
// `math/pca.rs`.

struct Span {
    depth: u32,            // components a row, a multiple of 4
    begin: u32,            // rows of the page: begin..end
    end: u32,
    block: u32,            // rows of a block, a multiple of SLAB
    blocks: u32,
    tiles: u32,            // tiles of 128 components
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> rows: array<vec4f>;            // row by row
@group(0) @binding(2) var<storage, read> along: array<vec4f>;           // row by row from `begin` on, 64 axes each
@group(0) @binding(3) var<storage, read> mean: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> parts: array<vec4f>;     // block by block, component by component, 64 axes each
@group(0) @binding(5) var<storage, read_write> totals: array<vec4f>;    // component by component, 64 axes each

fn keep(block: u32, component: u32, column: u32, sums: vec4f) {
    if (component < span.depth) {
        parts[(block * span.depth + component) * WIDTH + column] = sums;
    }
}

@compute @workgroup_size(256)
fn gather(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let number = group_number(group, groups);
    let block = number / span.tiles;
    let tile = number % span.tiles;
    if (block >= span.blocks) {
        return;
    }
    let quads = span.depth / 4u;
    let quad = tile * 32u + t % 32u;
    var middle = vec4f(0);
    if (quad < quads) {
        middle = mean[quad];
    }
    let begin = span.begin + block * span.block;
    let end = min(begin + span.block, span.end);
    var sums = no_sums();
    for (var first = begin; first < end; first += SLAB) {
        workgroupBarrier();
        var values = vec4f(0);
        let row = first + t / 32u;
        if (row < end && quad < quads) {
            values = rows[row * quads + quad] - middle;
        }
        slab_left[(t / 32u) * STRIDE + t % 32u] = values;
        if (t < SLAB * WIDTH) {
            var factors = vec4f(0);
            if (first + t / WIDTH < end) {
                factors = along[(first - span.begin) * WIDTH + t];
            }
            slab_right[t] = factors;
        }
        workgroupBarrier();
        sums = with_slab(sums, t);
    }
    let component = tile * 128u + 4u * (t / 16u);
    let column = t % 16u;
    keep(block, component, column, sums.a0);
    keep(block, component + 1u, column, sums.a1);
    keep(block, component + 2u, column, sums.a2);
    keep(block, component + 3u, column, sums.a3);
    keep(block, component + 64u, column, sums.a4);
    keep(block, component + 65u, column, sums.a5);
    keep(block, component + 66u, column, sums.a6);
    keep(block, component + 67u, column, sums.a7);
}

@compute @workgroup_size(64)
fn add(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let at = group_number(group, groups) * 64u + t;
    let size = span.depth * WIDTH;
    if (at >= size) {
        return;
    }
    var total = totals[at];
    for (var block = 0u; block < span.blocks; block++) {
        total += parts[block * size + at];
    }
    totals[at] = total;
}
