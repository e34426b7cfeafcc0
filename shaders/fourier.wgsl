// use lib/groups.wgsl
// The convolution of a real grid with an even kernel, by fast Fourier transforms of powers of two (Stockham's, which need no
// reordering), pass by pass through memory. A real grid has a transform whose columns beyond the middle mirror those before:
// they are neither kept nor computed, and on the way back the others count twice, which leaves the result in the real part.
// The twin is `math/convolve.rs`.

struct Job {
    first_group: u32,              // groups of this dispatch: first_group..end_group
    end_group: u32,
    count: u32,                    // invocations of the whole step
    length: u32,                   // of a transform
    lines: u32,                    // transforms side by side
    along: u32,                    // from one value of a line to the next
    across: u32,                   // from one line to the next
    span: u32,                     // length of the transforms that this pass puts together
    turn: u32,                     // from one twiddle to the next
    back: u32,                     // 1 for the inverse transform
    width: u32,                    // values in a row of the grid
    rows: u32,                     // rows of the grid that hold anything
    columns: u32,                  // columns that are kept
    scale: f32,                    // what one part of a point counts
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read> values: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> out: array<vec2f>;
@group(0) @binding(3) var<storage, read> twiddles: array<vec2f>;    // exp(−2πi k / longest length)
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;
@group(0) @binding(5) var<storage, read> kernel_: array<f32>;       // a column after the other, frequencies 0 to the middle

// The number of an invocation, or at least `count` where it has nothing to do.
fn number(t: u32, group: vec3u, groups: vec3u) -> u32 {
    let own = job.first_group + group_number(group, groups);
    return select(job.count, own * 256u + t, own < job.end_group);
}

fn times(a: vec2f, b: vec2f) -> vec2f {
    return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

fn twiddled(value: vec2f, steps: u32) -> vec2f {
    let twiddle = twiddles[steps * job.turn];
    return times(value, vec2f(twiddle.x, select(twiddle.y, -twiddle.y, job.back == 1u)));
}

// Where butterfly `i` of this pass is: its line's start, and its number within. Neighbours in memory are side by side.
fn butterfly(i: u32, each: u32) -> vec2u {
    if (job.along == 1u) {
        return vec2u((i / each) * job.across, i % each);
    }
    return vec2u((i % job.lines) * job.across, i / job.lines);
}

@compute @workgroup_size(256)
fn radix2(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = number(t, group, groups);
    if (i >= job.count) {
        return;
    }
    let each = job.length / 2u;
    let place = butterfly(i, each);
    let within = place.y % job.span;
    let a = values[place.x + place.y * job.along];
    let b = twiddled(values[place.x + (place.y + each) * job.along], within);
    let to = place.x + ((place.y - within) * 2u + within) * job.along;
    out[to] = a + b;
    out[to + job.span * job.along] = a - b;
}

@compute @workgroup_size(256)
fn radix4(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = number(t, group, groups);
    if (i >= job.count) {
        return;
    }
    let each = job.length / 4u;
    let place = butterfly(i, each);
    let within = place.y % job.span;
    let start = place.x + place.y * job.along;
    let leap = each * job.along;
    let a = values[start];
    let b = twiddled(values[start + leap], within);
    let c = twiddled(values[start + 2u * leap], 2u * within);
    let d = twiddled(values[start + 3u * leap], 3u * within);
    let even = a + c;
    let odd = a - c;
    let far = b + d;
    // −i (b − d), or i (b − d) on the way back.
    let turned = select(vec2f(b.y - d.y, d.x - b.x), vec2f(d.y - b.y, b.x - d.x), job.back == 1u);
    let to = place.x + ((place.y - within) * 4u + within) * job.along;
    let next = job.span * job.along;
    out[to] = even + far;
    out[to + next] = odd + turned;
    out[to + 2u * next] = even - far;
    out[to + 3u * next] = odd - turned;
}

// Takes the grid, whose rows are `width` long, into rows of `length`; leaves zeros behind for the next one.
@compute @workgroup_size(256)
fn take(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = number(t, group, groups);
    if (i >= job.count) {
        return;
    }
    let x = i % job.length;
    var value = 0.0;
    if (x < job.width) {
        let at = i / job.length * job.width + x;
        value = f32(counts[at]) * job.scale;
        counts[at] = 0u;
    }
    out[i] = vec2f(value, 0.0);
}

// The columns that are kept, side by side, with zeros below the grid.
@compute @workgroup_size(256)
fn to_columns(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = number(t, group, groups);
    if (i >= job.count) {
        return;
    }
    let y = i / job.columns;
    var value = vec2f(0.0);
    if (y < job.rows) {
        value = values[y * job.length + i % job.columns];
    }
    out[i] = value;
}

@compute @workgroup_size(256)
fn multiply(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = number(t, group, groups);
    if (i >= job.count) {
        return;
    }
    let y = i / job.columns;
    let frequency = min(y, job.length - y);
    out[i] *= kernel_[i % job.columns * (job.length / 2u + 1u) + frequency];
}

// The grid's rows again: columns between the outermost stand for their mirror images, too.
@compute @workgroup_size(256)
fn to_rows(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let i = number(t, group, groups);
    if (i >= job.count) {
        return;
    }
    let x = i % job.length;
    var value = vec2f(0.0);
    if (x < job.columns) {
        let inner = x > 0u && x + 1u < job.columns;
        value = values[i / job.length * job.columns + x] * select(1.0, 2.0, inner);
    }
    out[i] = value;
}
