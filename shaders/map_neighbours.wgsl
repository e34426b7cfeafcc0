// use lib/groups.wgsl
// The nearest points on a map: exact, whatever clumps and copies there are. Squared distances in the map's units.
//
// Points are sorted along a curve that fills the plane, 128 to a tile, and each tile has its bounding box. A workgroup finds the
// neighbours of the points of one tile: first among the tiles beside it on the curve, then in those whose box is nearer
// than the farthest neighbour found so far. The twin is `math/quality_counts.rs`, by a k-d tree.

const TILE = 128u;
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
    unused: u32,
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> points: array<vec2f>;
@group(0) @binding(2) var<storage, read> boxes: array<vec4f>;              // of the tiles: least x and y, most x and y
@group(0) @binding(3) var<storage, read_write> distances: array<f32>;      // place by place, `lists` each, nearest first
@group(0) @binding(4) var<storage, read_write> ids: array<u32>;            // the same

var<workgroup> others: array<vec2f, 128>;
var<workgroup> near: array<u32, 128>;          // 1 for tiles that may hold neighbours
var<workgroup> farthest: atomic<u32>;          // the bits of the largest floor: positive floats are ordered as their bits

fn gap(a: vec4f, b: vec4f) -> f32 {
    let away = max(max(a.xy - b.zw, b.xy - a.zw), vec2f(0));
    return dot(away, away);
}

// Compares point `own` with those of tile `other`. `floor` is the largest distance on its list so far; returns the new one.
fn with_tile(own: u32, point: vec2f, floor: f32, other: u32, t: u32) -> f32 {
    workgroupBarrier();
    let count = min(TILE, span.points - other * TILE);
    if (t < count) {
        others[t] = points[other * TILE + t];
    }
    workgroupBarrier();
    var worst = floor;
    if (gap(vec4f(point, point), boxes[other]) >= worst) {
        return worst;
    }
    let list = own - span.first;
    for (var j = 0u; j < count; j++) {
        let away = others[j] - point;
        let distance = dot(away, away);
        if (distance >= worst || other * TILE + j == own) {
            continue;
        }
        var place = (span.k - 1u) * span.lists + list;
        while (place > list && distances[place - span.lists] > distance) {
            distances[place] = distances[place - span.lists];
            ids[place] = ids[place - span.lists];
            place -= span.lists;
        }
        distances[place] = distance;
        ids[place] = other * TILE + j;
        worst = distances[(span.k - 1u) * span.lists + list];
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
    if (tile >= span.end) {
        return;
    }
    let own = tile * TILE + t;
    let here = own < span.points;
    var point = vec2f(0);
    // A place beyond the last point finds everything too far.
    var floor = -1.0;
    if (here) {
        point = points[own];
        floor = NEVER;
        for (var place = 0u; place < span.k; place++) {
            distances[place * span.lists + own - span.first] = NEVER;
            ids[place * span.lists + own - span.first] = NOBODY;
        }
    }
    let first_beside = max(tile, 1u) - 1u;
    let last_beside = min(tile + 1u, span.tiles - 1u);
    floor = with_tile(own, point, floor, tile, t);
    for (var other = first_beside; other <= last_beside; other++) {
        if (other != tile) {
            floor = with_tile(own, point, floor, other, t);
        }
    }
    for (var start = 0u; start < span.tiles; start += TILE) {
        workgroupBarrier();
        if (t == 0u) {
            atomicStore(&farthest, 0u);
        }
        workgroupBarrier();
        if (here) {
            atomicMax(&farthest, bitcast<u32>(floor));
        }
        workgroupBarrier();
        let reach = bitcast<f32>(atomicLoad(&farthest));
        let candidate = start + t;
        let beside = candidate >= first_beside && candidate <= last_beside;
        near[t] = 0u;
        if (candidate < span.tiles && !beside && gap(boxes[tile], boxes[candidate]) < reach) {
            near[t] = 1u;
        }
        workgroupBarrier();
        for (var j = 0u; j < TILE; j++) {
            if (near[j] == 1u) {
                floor = with_tile(own, point, floor, start + j, t);
            }
        }
    }
}
