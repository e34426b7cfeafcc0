// Which points a lasso holds, one bit a point: one workgroup a range of at most 2,048 points, whole numbers only, so
// that every adapter decides alike. The CPU twin is `view::lasso`: change them together.

struct Lasso {
    // World position of the corner of its grid with the least coordinates.
    origin: vec2f,
    // Cells a world unit.
    scale: f32,
    // Number of vertices.
    vertices: u32,
}

@group(0) @binding(0) var<uniform> lasso: Lasso;
// World positions, in the order of the tiles.
@group(0) @binding(1) var<storage, read> positions: array<vec2f>;
// First point and number of points.
@group(0) @binding(2) var<storage, read> ranges: array<vec2u>;
// Half cells from the origin.
@group(0) @binding(3) var<storage, read> vertices: array<vec2i>;
// So many words a range, the first point in the lowest bit of the first.
@group(0) @binding(4) var<storage, read_write> mask: array<u32>;

const LANES: u32 = 256u;
const WORDS: u32 = 64u;
const CELLS: f32 = 8192.0;

var<workgroup> words: array<atomic<u32>, WORDS>;

@compute @workgroup_size(256)
fn hold(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let range = ranges[group.x];
    for (var i = lane; i < range.y; i += LANES) {
        if holds(positions[range.x + i]) {
            atomicOr(&words[i / 32u], 1u << (i % 32u));
        }
    }
    workgroupBarrier();
    if lane < WORDS {
        mask[group.x * WORDS + lane] = atomicLoad(&words[lane]);
    }
}

fn holds(position: vec2f) -> bool {
    // One subtraction and one product, which every adapter rounds alike.
    let from_corner = position - lasso.origin;
    let place = from_corner * lasso.scale;
    // Also false for what is not a number.
    if !(all(place >= vec2f(0.0)) && all(place < vec2f(CELLS))) {
        return false;
    }
    // The middle of its cell, in half cells: odd numbers, where vertices are even ones.
    let at = 2 * vec2i(place) + 1;
    var inside = false;
    var start = vertices[lasso.vertices - 1u];
    for (var i = 0u; i < lasso.vertices; i++) {
        let end = vertices[i];
        if (start.y > at.y) != (end.y > at.y) {
            let along = end - start;
            let turn = along.x * (at.y - start.y) - (at.x - start.x) * along.y;
            let to_the_left = turn > 0;
            let upwards = end.y > start.y;
            inside = inside != (turn != 0 && to_the_left == upwards);
        }
        start = end;
    }
    return inside;
}
