// use lib/groups.wgsl
// Puts the coded rows of cells, wherever they are, into the tiles that `neighbours_coded.wgsl` compares.
//
// Rows of a page lie one after the other, those of tiles word by word: word c of row r of tile t is at (t × depth + c) × 128 + r.

const TILE = 128u;

struct Span {
    depth: u32,            // words a row
    places: u32,           // rows in the tiles, a multiple of TILE
    first_row: u32,        // the id of the page's first row
    rows: u32,             // rows of the page
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
@group(0) @binding(3) var<storage, read> members: array<u32>;                // the id in each place; 0xffffffff: none
@group(0) @binding(4) var<storage, read_write> gathered: array<u32>;         // zeros where there is none
@group(0) @binding(5) var<storage, read_write> gathered_scales: array<f32>;

@compute @workgroup_size(256)
fn gather(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let at = group_number(group, groups) * 256u + t;
    if (at >= span.places * span.depth) {
        return;
    }
    let word = (at / TILE) % span.depth;
    let place = at / (TILE * span.depth) * TILE + at % TILE;
    // Below the first row this wraps to more than any page has.
    let row = members[place] - span.first_row;
    if (members[place] == 0xffffffffu || row >= span.rows) {
        return;
    }
    gathered[at] = codes[row * span.depth + word];
    if (word == 0u) {
        gathered_scales[place] = scales[row];
    }
}
