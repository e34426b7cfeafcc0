// use lib/groups.wgsl
// use lib/thresholds.wgsl
// Quality of a map: how many points of the map are nearer to a query than each of its limits. Scores are squared distances below
// zero, in the map's units. The twin is `math/quality_counts.rs`.

const POINTS = 16384u;     // points that a workgroup compares a query with
const MOST = 1024u;        // limits a query, at most

struct Span {
    points: u32,
    k: u32,                // limits a query
    stretches: u32,        // of POINTS points each
    first: u32,            // pairs of a query and a stretch: first..end
    end: u32,
    unused: u32,
}

@group(0) @binding(0) var<uniform> span: Span;
@group(0) @binding(1) var<storage, read> points: array<vec2f>;
@group(0) @binding(2) var<storage, read> own: array<u32>;      // the point that each query is; it is counted as well

var<workgroup> here: array<atomic<u32>, 1024>;

@compute @workgroup_size(256)
fn count(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let number = span.first + group_number(group, groups);
    if (number >= span.end) {
        return;
    }
    let query = number / span.stretches;
    let begin = (number % span.stretches) * POINTS;
    for (var place = t; place < span.k; place += 256u) {
        atomicStore(&here[place], 0u);
    }
    workgroupBarrier();
    let centre = points[own[query]];
    let low = thresholds[query * span.k];
    let end = min(begin + POINTS, span.points);
    for (var i = begin + t; i < end; i += 256u) {
        let away = points[i] - centre;
        let score = -dot(away, away);
        if (score > low) {
            atomicAdd(&here[last_passed(score, query, span.k)], 1u);
        }
    }
    workgroupBarrier();
    for (var place = t; place < span.k; place += 256u) {
        let found = atomicLoad(&here[place]);
        if (found > 0u) {
            atomicAdd(&passed[query * span.k + place], found);
        }
    }
}
