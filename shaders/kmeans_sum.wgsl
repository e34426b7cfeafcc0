// use lib/groups.wgsl
// k-means, second half of a round: sums of rows of one label, a segment of the sorted rows each, always in the same order. The
// segments of a label are added by who reads them. The twin is `math/kmeans.rs`.

struct Span {
    quads: u32,            // fours of components a row
    first: u32,            // the segment of the first workgroup
    segments: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> rows: array<vec4f>;          // `quads` a row
@group(0) @binding(2) var<storage, read> order: array<u32>;           // rows by label
@group(0) @binding(3) var<storage, read> segments: array<vec2u>;      // begin and end in `order`
@group(0) @binding(4) var<storage, read_write> sums: array<vec4f>;    // `quads` a segment

@compute @workgroup_size(64)
fn sum(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    // 64 fours of one segment a workgroup.
    let parts = (span.quads + 63u) / 64u;
    let number = group_number(group, groups);
    let segment = span.first + number / parts;
    let quad = (number % parts) * 64u + t;
    if (segment >= span.segments || quad >= span.quads) {
        return;
    }
    let bounds = segments[segment];
    var sum = vec4f(0);
    for (var at = bounds.x; at < bounds.y; at++) {
        sum += rows[order[at] * span.quads + quad];
    }
    sums[segment * span.quads + quad] = sum;
}
