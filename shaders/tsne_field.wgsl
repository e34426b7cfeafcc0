// use lib/groups.wgsl
// use lib/bspline.wgsl
// use lib/sums.wgsl
// What pushes the points of a t-SNE map apart: points are spread over the nodes of a grid, in whole parts so that their sums do
// not depend on the order; and once the grid is convolved (`fourier.wgsl`) every point reads its potential and its push.
// Positions are in map units. The twin is `math/tsne_field.rs`.

const LEAST_SHARE = 1e-9;          // Z is at least so much of all potentials
const LEAST = 1e-30;

struct Job {
    first_group: u32,              // groups of this dispatch: first_group..end_group
    end_group: u32,
    points: u32,
    stride: u32,                   // values in a row of the grid
    origin: vec2f,
    last: vec2f,                   // the last node that can be the first of six
    cell: f32,
    parts: f32,                    // of a point
    means: f32,                    // what all potentials are less than they should be, together
    means_of_others: f32,          // the same less what every point gives itself
    groups: u32,                   // that gave sums of potentials
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read> positions: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read> potential: array<vec2f>;   // in the real part
@group(0) @binding(4) var<storage, read_write> pushes: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;    // of potentials, a group
@group(0) @binding(6) var<storage, read_write> inverse: array<f32>; // 1 / Z

// In cells: whole cells are the first node that a point shares in.
fn place(position: vec2f) -> vec2f {
    return clamp((position - job.origin) / job.cell, vec2f(0.0), job.last);
}

@compute @workgroup_size(256)
fn spread(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let own = job.first_group + group_number(group, groups);
    let i = own * 256u + t;
    if (own >= job.end_group || i >= job.points) {
        return;
    }
    let at = place(positions[i]);
    let first = vec2u(at);
    let within = at - vec2f(first);
    var across = spline_weights(within.x);
    var down = spline_weights(within.y);
    for (var y = 0u; y < ORDER; y++) {
        let row = (first.y + y) * job.stride + first.x;
        for (var x = 0u; x < ORDER; x++) {
            let share = u32(max(job.parts * down[y] * across[x], 0.0) + 0.5);
            if (share > 0u) {
                atomicAdd(&counts[row + x], share);
            }
        }
    }
}

@compute @workgroup_size(256)
fn look_up(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let own = job.first_group + group_number(group, groups);
    let i = own * 256u + t;
    let there = own < job.end_group && i < job.points;
    var value = 0.0;
    if (there) {
        let at = place(positions[i]);
        let first = vec2u(at);
        let within = at - vec2f(first);
        var across = spline_weights(within.x);
        var across_slopes = spline_slopes(within.x);
        var down = spline_weights(within.y);
        var down_slopes = spline_slopes(within.y);
        var slope = vec2f(0.0);
        for (var y = 0u; y < ORDER; y++) {
            let row = (first.y + y) * job.stride + first.x;
            var along = vec2f(0.0);
            for (var x = 0u; x < ORDER; x++) {
                along += potential[row + x].x * vec2f(across[x], across_slopes[x]);
            }
            value += down[y] * along.x;
            slope += vec2f(down[y] * along.y, down_slopes[y] * along.x);
        }
        pushes[i] = (-0.5 / job.cell) * slope;
    }
    let sum = sum_of_all(t, vec4f(value, 0.0, 0.0, 0.0));
    if (t == 0u && own < job.end_group) {
        sums[own] = sum.x;
    }
}

// Z is the sum over all pairs, and every point counted itself.
@compute @workgroup_size(256)
fn normalise(@builtin(local_invocation_index) t: u32) {
    var sum = 0.0;
    for (var k = t; k < job.groups; k += 256u) {
        sum += sums[k];
    }
    let whole = sum_of_all(t, vec4f(sum, 0.0, 0.0, 0.0)).x;
    if (t == 0u) {
        inverse[0] = 1.0 / max(max(whole + job.means_of_others, LEAST_SHARE * (whole + job.means)), LEAST);
    }
}
