// use lib/best.wgsl
// use lib/product.wgsl
// The nearest rows by cosine: all pairs of unit vectors of two pages. The twin is `math/exact.rs`.

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
    fetch_floors(tile, t);
    for (var other = span.begin; other < span.end; other++) {
        keep_best(products(tile, other, span.depth, t), tile, other, t);
    }
}
