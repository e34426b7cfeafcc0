// use lib/groups.wgsl
// use lib/random.wgsl
// UMAP's layout, vertex by vertex: one invocation moves one point through an epoch, towards those of its neighbours whose
// edge is due and away from random points after each, and writes it once. It reads where all others stood
// after the last epoch, so that nothing depends on the order. Positions are in map units. The twin is `math/umap_epoch.rs`.

const CLIP = 4.0;                  // bounds each component of a step
const BOTH_ENDS = 2.0;             // an edge pulls either end; a point takes both pulls at once
const SOFTENING = 0.001;           // keeps the repulsion of close points finite
const LEAST_SQUARED = 1e-12;       // squared distances are at least this

struct Round {
    points: u32,                   // of the map
    first: u32,                    // of this dispatch: order[first..first + count]
    count: u32,
    first_point: u32,              // the point that offsets[0] is of
    epoch: u32,
    seed: u32,
    phase: u32,
    negatives: u32,
    rate: f32,
    a: f32,
    b: f32,
    attraction: f32,
    repulsion: f32,
    first_edge: u32,               // the number of edges[0] among all edges
}

@group(0) @binding(0) var<uniform> round: Round;
@group(0) @binding(1) var<storage, read> offsets: array<u32>;      // into edges, a point; one more at the end
@group(0) @binding(2) var<storage, read> edges: array<u32>;        // target << 8 | weight in 256ths, less one
@group(0) @binding(3) var<storage, read> order: array<u32>;        // points with about equally many edges side by side
@group(0) @binding(4) var<storage, read> held: array<u32>;         // a bit a point: it stays where it is
@group(0) @binding(5) var<storage, read> before: array<vec2f>;
@group(0) @binding(6) var<storage, read_write> after: array<vec2f>;

fn step_towards(at: vec2f, target_: vec2f) -> vec2f {
    let d = at - target_;
    let squared = max(dot(d, d), LEAST_SQUARED);
    let power = pow(squared, round.b);
    let pull = round.attraction * power / (squared * (1.0 + round.a * power));
    return at + BOTH_ENDS * round.rate * clamp(pull * d, vec2f(-CLIP), vec2f(CLIP));
}

fn step_away(at: vec2f, target_: vec2f) -> vec2f {
    let d = at - target_;
    let squared = max(dot(d, d), LEAST_SQUARED);
    let power = pow(squared, round.b);
    let push = round.repulsion / ((SOFTENING + squared) * (1.0 + round.a * power));
    return at + round.rate * clamp(push * d, vec2f(-CLIP), vec2f(CLIP));
}

@compute @workgroup_size(64)
fn epoch(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let place = group_number(group, groups) * 64u + t;
    if (place >= round.count) {
        return;
    }
    let own = order[round.first + place];
    var at = before[own];
    if ((held[own / 32u] >> (own % 32u) & 1u) == 1u) {
        after[own] = at;
        return;
    }
    let stream = round.seed ^ (own * 0x85EBCA6Bu);
    var draw = 0u;
    let end = offsets[own - round.first_point + 1u];
    for (var e = offsets[own - round.first_point]; e < end; e++) {
        let edge = edges[e - round.first_edge];
        // An edge of weight p is due ⌊(epoch + 1)p + φ⌋ − ⌊epoch p + φ⌋ times, in 256ths; φ follows the golden ratio.
        let weight = (edge & 0xffu) + 1u;
        let phase = (e * 0x9E3779B9u + round.phase) >> 24u;
        if (((round.epoch * weight + phase) & 0xffu) + weight <= 0xffu) {
            continue;
        }
        at = step_towards(at, before[edge >> 8u]);
        for (var negative = 0u; negative < round.negatives; negative++) {
            draw += 0x9E3779B9u;
            let other = below(mix32(stream + draw), round.points);
            // A point does not flee from where it just stood.
            if (other != own) {
                at = step_away(at, before[other]);
            }
        }
    }
    after[own] = at;
}
