// use lib/groups.wgsl
// The nearest points on a map: exact, whatever clumps and copies there are. Squared distances in the map's units.
//
// Points are sorted along a curve that fills the plane, 128 to a tile and 64 tiles to a block; tiles and blocks have their bounding
// boxes. An invocation finds the neighbours of one point: first in the tiles beside it on the curve, then in those whose
// box is nearer than the farthest neighbour found so far. Its neighbours on the curve do nearly the same at the same
// time. The twin is `math/quality_counts.rs`, by a k-d tree.

const TILE = 128u;
const BLOCK = 64u;
const NEVER = 3.0e38;          // the distance of a free place
const NOBODY = 0xffffffffu;    // its point

struct Span {
    points: u32,
    tiles: u32,
    k: u32,                // places on a list
    tile: u32,             // the tile of the first workgroup
    end: u32,              // the tile after the last workgroup's
    first: u32,            // the point of the first list
    lists: u32,
    blocks: u32,
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> points: array<vec2f>;
@group(0) @binding(2) var<storage, read> boxes: array<vec4f>;              // of the tiles: least x and y, most x and y
@group(0) @binding(3) var<storage, read> blocks: array<vec4f>;             // of the blocks
@group(0) @binding(4) var<storage, read_write> distances: array<f32>;      // place by place, `lists` each, nearest first
@group(0) @binding(5) var<storage, read_write> ids: array<u32>;            // the same

fn gap(point: vec2f, box: vec4f) -> f32 {
    let away = max(max(point - box.zw, box.xy - point), vec2f(0));
    return dot(away, away);
}

// Compares point `own` with those of tile `other`. `reach` is the largest distance on its list so far; returns the new one.
fn with_tile(own: u32, point: vec2f, reach: f32, other: u32) -> f32 {
    var worst = reach;
    let list = own - span.first;
    let last = (span.k - 1u) * span.lists + list;
    let end = min((other + 1u) * TILE, span.points);
    for (var j = other * TILE; j < end; j++) {
        let away = points[j] - point;
        let distance = dot(away, away);
        if (distance >= worst || j == own) {
            continue;
        }
        var place = last;
        while (place > list && distances[place - span.lists] > distance) {
            distances[place] = distances[place - span.lists];
            ids[place] = ids[place - span.lists];
            place -= span.lists;
        }
        distances[place] = distance;
        ids[place] = j;
        worst = distances[last];
    }
    return worst;
}

@compute @workgroup_size(128)
fn find(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let tile = span.tile + group_number(group, groups);
    let own = tile * TILE + t;
    if (tile >= span.end || own >= span.points) {
        return;
    }
    for (var place = 0u; place < span.k; place++) {
        distances[place * span.lists + own - span.first] = NEVER;
        ids[place * span.lists + own - span.first] = NOBODY;
    }
    let point = points[own];
    let first = max(tile, 1u) - 1u;
    let last = min(tile + 1u, span.tiles - 1u);
    var reach = NEVER;
    for (var other = first; other <= last; other++) {
        reach = with_tile(own, point, reach, other);
    }
    for (var block = 0u; block < span.blocks; block++) {
        if (gap(point, blocks[block]) >= reach) {
            continue;
        }
        let end = min((block + 1u) * BLOCK, span.tiles);
        for (var other = block * BLOCK; other < end; other++) {
            let done = other >= first && other <= last;
            if (!done && gap(point, boxes[other]) < reach) {
                reach = with_tile(own, point, reach, other);
            }
        }
    }
}
