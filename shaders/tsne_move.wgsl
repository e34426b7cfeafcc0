// use lib/groups.wgsl
// use lib/sums.wgsl
// A round of t-SNE: every point is pulled by those it knows and pushed by all, and moves; then the middle of the map moves to the
// origin. A point is written by one invocation, which reads where all others stood before. Positions are in map units. The
// twin is `math/tsne_forces.rs`.

const GAIN_MORE = 0.2;
const GAIN_LESS = 0.8;
const LEAST_GAIN = 0.01;
const LONGEST_STEP = 5.0;
const FASTEST = 1e18;              // beyond this a step has no direction
const FAR = 3.0e38;

struct Job {
    first_group: u32,              // groups of this dispatch: first_group..end_group
    end_group: u32,
    points: u32,                   // of the page, or of the map
    first_point: u32,              // of the page
    groups: u32,                   // that gave extents
    exaggeration: f32,
    rate: f32,
    momentum: f32,
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;       // into the page's edges, a point; one more at the end
@group(0) @binding(2) var<storage, read> edges: array<vec2u>;       // target, weight
@group(0) @binding(3) var<storage, read> order: array<u32>;         // points with about equally many edges side by side
@group(0) @binding(4) var<storage, read> before: array<vec2f>;
@group(0) @binding(5) var<storage, read> pushes: array<vec2f>;
@group(0) @binding(6) var<storage, read> inverse: array<f32>;       // 1 / Z
@group(0) @binding(7) var<storage, read_write> motion: array<vec4f>; // velocity, gains
@group(0) @binding(8) var<storage, read_write> after: array<vec2f>;
@group(0) @binding(9) var<storage, read_write> extents: array<vec2f>; // sum, lowest, highest: of each group
@group(0) @binding(10) var<storage, read_write> whole: array<vec2f>; // the middle, and the bounds around it

@compute @workgroup_size(64)
fn move_points(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let own = job.first_group + group_number(group, groups);
    let place = own * 64u + t;
    if (own >= job.end_group || place >= job.points) {
        return;
    }
    let i = order[place];
    let at = before[i];
    var pull = vec2f(0.0);
    let end = offsets[i - job.first_point + 1u];
    for (var e = offsets[i - job.first_point]; e < end; e++) {
        let edge = edges[e];
        let apart = at - before[edge.x];
        pull += bitcast<f32>(edge.y) / (1.0 + dot(apart, apart)) * apart;
    }
    let gradient = job.exaggeration * pull - inverse[0] * pushes[i];
    let last = motion[i].xy;
    // The velocity points down the gradient where it goes on: against its sign.
    let turned = (last > vec2f(0.0) & gradient > vec2f(0.0)) | (last < vec2f(0.0) & gradient < vec2f(0.0));
    let gains = select(motion[i].zw + GAIN_MORE, motion[i].zw * GAIN_LESS + LEAST_GAIN, turned);
    let wanted = job.momentum * last - job.rate * gains * gradient;
    let fast = clamp(select(vec2f(0.0), wanted, abs(wanted) <= vec2f(FASTEST)), vec2f(-FASTEST), vec2f(FASTEST));
    let length = sqrt(dot(fast, fast));
    let velocity = fast * select(1.0, LONGEST_STEP / length, length > LONGEST_STEP);
    motion[i] = vec4f(velocity, gains);
    after[i] = at + velocity;
}

var<workgroup> lowest: array<vec2f, 256>;
var<workgroup> highest: array<vec2f, 256>;

fn bounds_of_all(t: u32, low: vec2f, high: vec2f) -> vec4f {
    lowest[t] = low;
    highest[t] = high;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half /= 2u) {
        if (t < half) {
            lowest[t] = min(lowest[t], lowest[t + half]);
            highest[t] = max(highest[t], highest[t + half]);
        }
        workgroupBarrier();
    }
    return vec4f(lowest[0], highest[0]);
}

@compute @workgroup_size(256)
fn extend(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let own = job.first_group + group_number(group, groups);
    let i = own * 256u + t;
    let there = own < job.end_group && i < job.points;
    var at = vec2f(0.0);
    if (there) {
        at = after[i];
    }
    let sum = sum_of_all(t, vec4f(at, 0.0, 0.0));
    let bounds = bounds_of_all(t, select(vec2f(FAR), at, there), select(vec2f(-FAR), at, there));
    if (t == 0u && own < job.end_group) {
        extents[own * 3u] = sum.xy;
        extents[own * 3u + 1u] = bounds.xy;
        extents[own * 3u + 2u] = bounds.zw;
    }
}

@compute @workgroup_size(256)
fn find_middle(@builtin(local_invocation_index) t: u32) {
    var sum = vec2f(0.0);
    var low = vec2f(FAR);
    var high = vec2f(-FAR);
    for (var k = t; k < job.groups; k += 256u) {
        sum += extents[k * 3u];
        low = min(low, extents[k * 3u + 1u]);
        high = max(high, extents[k * 3u + 2u]);
    }
    let all = sum_of_all(t, vec4f(sum, 0.0, 0.0)).xy;
    let bounds = bounds_of_all(t, low, high);
    if (t == 0u) {
        let middle = all / f32(job.points);
        whole[0] = middle;
        whole[1] = bounds.xy - middle;
        whole[2] = bounds.zw - middle;
    }
}

@compute @workgroup_size(256)
fn recentre(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let own = job.first_group + group_number(group, groups);
    let i = own * 256u + t;
    if (own < job.end_group && i < job.points) {
        after[i] -= whole[0];
    }
}
