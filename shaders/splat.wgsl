// Adds points to the cells they lie in: one workgroup a range of points, integer sums only, so that the result does
// not depend on any order. The CPU twin is `view::splat`: change them together.
// use lib/marks.wgsl
// use lib/window.wgsl

struct Grid {
    // World position of the outer corner of the first cell, at the top left; world y points up, rows go down.
    origin: vec2f,
    // Cells a world unit.
    scale: f32,
    // 1 when some points are chosen and the others step back.
    any_chosen: u32,
    // Columns and rows.
    size: vec2u,
    // 1 when the chosen points are drawn as discs, and left out here.
    chosen_apart: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> grid: Grid;
// World positions, in the order of the tiles.
@group(0) @binding(1) var<storage, read> positions: array<vec2f>;
@group(0) @binding(2) var<storage, read> marks: array<u32>;
// First point and number of points.
@group(0) @binding(3) var<storage, read> ranges: array<vec2u>;
// Four numbers a cell: the sums of red, green and blue (0 to 255 each) of its coloured points, and their number.
@group(0) @binding(4) var<storage, read_write> coloured: array<atomic<u32>>;
// The number of its points that step back.
@group(0) @binding(5) var<storage, read_write> faint: array<atomic<u32>>;

// For each cell of the window what it shows: of its points a coloured one rather than one that steps back, and of
// those the last one.
@group(0) @binding(6) var<storage, read_write> shown: array<atomic<u32>>;
@group(0) @binding(7) var<uniform> window: Window;

const LANES: u32 = 256u;

// How a point is counted.
const NOT: u32 = 0u;
const FAINT: u32 = 1u;
const COLOURED: u32 = 2u;

// In what a cell shows: it is a coloured point.
const ABOVE: u32 = 1u << 31u;

@compute @workgroup_size(256)
fn accumulate(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let range = ranges[group.x];
    for (var i = lane; i < range.y; i += LANES) {
        add(range.x + i);
    }
}

// Notes which of the same points the cells of the window show. A maximum does not depend on any order, either.
@compute @workgroup_size(256)
fn note(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let range = ranges[group.x];
    for (var i = lane; i < range.y; i += LANES) {
        let point = range.x + i;
        let seen = counted(point);
        let at = vec2i(seen.xy) - window.corner;
        if seen.z == NOT || any(at < vec2i(0)) || any(at >= vec2i(WINDOW_SIDE)) {
            continue;
        }
        let layer = select(0u, ABOVE, seen.z == COLOURED);
        atomicMax(&shown[u32(at.y * WINDOW_SIDE + at.x)], layer | (window.first + point));
    }
}

// Column and row of a point's cell, and how it is counted there.
fn counted(point: u32) -> vec3u {
    let flags = flags_of(marks[point]);
    let chosen = is_chosen(flags);
    if (flags & HIDDEN) != 0u || (chosen && grid.chosen_apart != 0u) {
        return vec3u(NOT);
    }
    // One subtraction and one product, which every adapter rounds alike.
    let from_corner = (positions[point] - grid.origin) * vec2f(1.0, -1.0);
    let place = from_corner * grid.scale;
    // Also false for what is not a number.
    if !(all(place >= vec2f(0.0)) && all(place < vec2f(grid.size))) {
        return vec3u(NOT);
    }
    let steps_back = !chosen && (grid.any_chosen != 0u || (flags & DIMMED) != 0u);
    return vec3u(vec2u(place), select(COLOURED, FAINT, steps_back));
}

fn add(point: u32) {
    let seen = counted(point);
    if seen.z == NOT {
        return;
    }
    let cell = seen.y * grid.size.x + seen.x;
    if seen.z == FAINT {
        atomicAdd(&faint[cell], 1u);
        return;
    }
    let colour = colour_of(marks[point]);
    atomicAdd(&coloured[4u * cell], colour.r);
    atomicAdd(&coloured[4u * cell + 1u], colour.g);
    atomicAdd(&coloured[4u * cell + 2u], colour.b);
    atomicAdd(&coloured[4u * cell + 3u], 1u);
}
