// Turns counts a cell into colour: every point as a small disc, density as opacity. One pixel a cell of the picture.
// The CPU twin is `view::splat`: change them together.
// use lib/covering.wgsl

struct Tone {
    // Columns of the grid, which is MARGIN cells larger than the picture on every side.
    columns: u32,
    // Cells that a disc reaches beyond its own.
    reach: u32,
    // By how much the points drawn so far stand for more.
    gain: f32,
    // How slowly crowds grow opaque.
    softness: f32,
    // What points that step back are painted with: gamma-encoded, not premultiplied; opacity is in the depths.
    faint: vec4f,
    // Optical depth of one point at so many columns and rows (row-major, five each): coloured, then faint.
    depths: array<vec4f, 25>,
}

@group(0) @binding(0) var<uniform> tone: Tone;
@group(0) @binding(1) var<storage, read> coloured: array<vec4u>;
@group(0) @binding(2) var<storage, read> faint: array<u32>;

const MARGIN: u32 = 4u;
const SIDE: i32 = 5;

@vertex
fn vs_main(@builtin(vertex_index) vertex: u32) -> @builtin(position) vec4f {
    return clip_from_place(covering(vertex));
}

fn opacity(depth: f32) -> f32 {
    return 1.0 - pow(1.0 + depth * tone.gain / tone.softness, -tone.softness);
}

// Premultiplied, gamma-encoded.
@fragment
fn fs_main(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let middle = vec2u(position.xy) + MARGIN;
    let reach = i32(tone.reach);
    var colour = vec3f(0.0);
    var depths = vec2f(0.0);
    for (var dy = -reach; dy <= reach; dy++) {
        for (var dx = -reach; dx <= reach; dx++) {
            let cell = (middle.y + u32(dy)) * tone.columns + middle.x + u32(dx);
            let depth = tone.depths[abs(dy) * SIDE + abs(dx)].xy;
            let sums = vec4f(coloured[cell]);
            colour += depth.x * sums.rgb;
            depths += depth * vec2f(sums.a, f32(faint[cell]));
        }
    }
    let above = opacity(depths.x);
    let below = opacity(depths.y) * (1.0 - above);
    let mean = colour / (255.0 * max(depths.x, 1e-20));
    return vec4f(mean * above + tone.faint.rgb * below, above + below);
}
