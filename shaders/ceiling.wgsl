// use lib/groups.wgsl
// What an adapter can do at most: bytes that it moves and products that it adds up in a second.

struct Load {
    values: u32,           // vec4s in the buffers
    rounds: u32,           // of products
}

@group(0) @binding(0) var<uniform> load: Load;
@group(0) @binding(1) var<storage, read> from_: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> to: array<vec4f>;

// Reads 16 bytes and writes 16.
@compute @workgroup_size(256)
fn stream(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let i = group_number(group, groups) * 256u + t;
    if (i < load.values) {
        to[i] = from_[i] * 1.5;
    }
}

// Eight vec4 products a round that do not wait for each other: 64 operations.
@compute @workgroup_size(256)
fn multiply(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let i = (group_number(group, groups) * 256u + t) % load.values;
    let x = from_[i];
    let y = x * 0.5;
    var a = x; var b = x; var c = x; var d = x;
    var e = y; var f = y; var g = y; var h = y;
    for (var round = 0u; round < load.rounds; round++) {
        a = a * x + y; b = b * x + y; c = c * x + y; d = d * x + y;
        e = e * x + y; f = f * x + y; g = g * x + y; h = h * x + y;
    }
    to[i] = a + b + c + d + e + f + g + h;
}
