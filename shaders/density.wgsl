// use lib/random.wgsl
// The density of a map on a grid: points are splatted on the cells around them, blurred, and every cell learns which peak it
// drains from. Places are in cells of the grid. The twin is `math/density.rs`.

const PARTS = 256u;                // parts of a point that splats are counted in
const NO_PEAK = 0xffffffffu;       // of a cell without density

struct Job {
    side: u32,                     // cells on a side of the grid
    points: u32,
    reach: u32,                    // cells to either side that a blur looks at
    unused: u32,
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read> places: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read> kernel_: array<f32>;       // from the middle outwards
@group(0) @binding(4) var<storage, read> splats: array<u32>;
@group(0) @binding(5) var<storage, read_write> rows: array<f32>;    // blurred along rows
@group(0) @binding(6) var<storage, read> blurred_rows: array<f32>;
@group(0) @binding(7) var<storage, read_write> heights: array<f32>;
@group(0) @binding(8) var<storage, read> surface: array<f32>;
@group(0) @binding(9) var<storage, read_write> uphill: array<u32>;
@group(0) @binding(10) var<storage, read> ways: array<u32>;

// One invocation a point. Sums of whole numbers do not depend on their order.
@compute @workgroup_size(256)
fn splat(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = id.y * groups.x * 256u + id.x;
    if (i >= job.points) {
        return;
    }
    let place = places[i];
    let cell = vec2u(floor(place));
    let one = vec2u((place - floor(place)) * f32(PARTS) + vec2f(0.5));
    let zero = vec2u(PARTS) - one;
    let at = cell.y * job.side + cell.x;
    atomicAdd(&counts[at], (zero.x * zero.y + PARTS / 2u) / PARTS);
    atomicAdd(&counts[at + 1u], (one.x * zero.y + PARTS / 2u) / PARTS);
    atomicAdd(&counts[at + job.side], (zero.x * one.y + PARTS / 2u) / PARTS);
    atomicAdd(&counts[at + job.side + 1u], (one.x * one.y + PARTS / 2u) / PARTS);
}

@compute @workgroup_size(256)
fn blur_along_rows(@builtin(global_invocation_id) id: vec3u) {
    let cell = id.x;
    if (cell >= job.side * job.side) {
        return;
    }
    let x = cell % job.side;
    var sum = f32(splats[cell]) * kernel_[0];
    for (var d = 1u; d <= job.reach; d++) {
        if (x >= d) {
            sum += f32(splats[cell - d]) * kernel_[d];
        }
        if (x + d < job.side) {
            sum += f32(splats[cell + d]) * kernel_[d];
        }
    }
    rows[cell] = sum / f32(PARTS);
}

@compute @workgroup_size(256)
fn blur_along_columns(@builtin(global_invocation_id) id: vec3u) {
    let cell = id.x;
    if (cell >= job.side * job.side) {
        return;
    }
    let y = cell / job.side;
    var sum = blurred_rows[cell] * kernel_[0];
    for (var d = 1u; d <= job.reach; d++) {
        if (y >= d) {
            sum += blurred_rows[cell - d * job.side] * kernel_[d];
        }
        if (y + d < job.side) {
            sum += blurred_rows[cell + d * job.side] * kernel_[d];
        }
    }
    heights[cell] = sum;
}

// Whether cell a is above cell b; equal heights go by a scattered order.
fn above(a: u32, b: u32) -> bool {
    let high = surface[a];
    let low = surface[b];
    if (high != low) {
        return high > low;
    }
    let left = mix32(a);
    let right = mix32(b);
    return left > right || (left == right && a > b);
}

// The highest cell around each.
@compute @workgroup_size(256)
fn look_uphill(@builtin(global_invocation_id) id: vec3u) {
    let cell = id.x;
    if (cell >= job.side * job.side) {
        return;
    }
    if (surface[cell] <= 0.0) {
        uphill[cell] = NO_PEAK;
        return;
    }
    let x = i32(cell % job.side);
    let y = i32(cell / job.side);
    let side = i32(job.side);
    var highest = cell;
    for (var dy = -1; dy <= 1; dy++) {
        for (var dx = -1; dx <= 1; dx++) {
            if (x + dx < 0 || x + dx >= side || y + dy < 0 || y + dy >= side) {
                continue;
            }
            let other = u32((y + dy) * side + x + dx);
            if (other != cell && above(other, highest)) {
                highest = other;
            }
        }
    }
    uphill[cell] = highest;
}

// Twice as far: after as many rounds as the logarithm of the longest way, every cell points to its peak.
@compute @workgroup_size(256)
fn jump(@builtin(global_invocation_id) id: vec3u) {
    let cell = id.x;
    if (cell >= job.side * job.side) {
        return;
    }
    let next = ways[cell];
    uphill[cell] = select(ways[min(next, job.side * job.side - 1u)], NO_PEAK, next == NO_PEAK);
}
