// Adds points to the cells they lie in: one workgroup a range of points, integer sums only, so that the result does
// not depend on any order. The CPU twin is `view::splat`: change them together.
// use lib/marks.wgsl

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

const LANES: u32 = 256u;

@compute @workgroup_size(256)
fn accumulate(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let range = ranges[group.x];
    for (var i = lane; i < range.y; i += LANES) {
        add(range.x + i);
    }
}

fn add(point: u32) {
    let mark = marks[point];
    let flags = flags_of(mark);
    let chosen = is_chosen(flags);
    if (flags & HIDDEN) != 0u || (chosen && grid.chosen_apart != 0u) {
        return;
    }
    // One subtraction and one product, which every adapter rounds alike.
    let from_corner = (positions[point] - grid.origin) * vec2f(1.0, -1.0);
    let place = from_corner * grid.scale;
    // Also false for what is not a number.
    if !(all(place >= vec2f(0.0)) && all(place < vec2f(grid.size))) {
        return;
    }
    let cell = u32(place.y) * grid.size.x + u32(place.x);
    if !chosen && (grid.any_chosen != 0u || (flags & DIMMED) != 0u) {
        atomicAdd(&faint[cell], 1u);
        return;
    }
    let colour = colour_of(mark);
    atomicAdd(&coloured[4u * cell], colour.r);
    atomicAdd(&coloured[4u * cell + 1u], colour.g);
    atomicAdd(&coloured[4u * cell + 2u], colour.b);
    atomicAdd(&coloured[4u * cell + 3u], 1u);
}
