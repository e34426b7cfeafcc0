// use lib/groups.wgsl
// k-means, second half of a round: the rows of a page sorted by their labels, those of one label ascending.
//
// A counting sort in three steps. `count`: each block of rows counts its labels and knows every row's place among those of its
// label in the block. `scan`: for each label, how many rows of it lie in the blocks before. `scatter`: every row to
// its place. No atomics: the order is the same each time. The twin is `math/kmeans.rs`.

struct Sort {
    rows: u32,             // rows of this page
    labels: u32,           // labels are below this; rows with others are left out
    block: u32,            // rows a block, a multiple of 256
    blocks: u32,
}

@group(0) @binding(0) var<uniform> sort: Sort;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> tallies: array<u32>;   // blocks × labels: counts, then rows in blocks before
@group(0) @binding(3) var<storage, read_write> places: array<u32>;    // of a row among those of its label in its block
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;    // rows of each label
@group(0) @binding(5) var<storage, read> starts: array<u32>;          // rows of smaller labels
@group(0) @binding(6) var<storage, read_write> order: array<u32>;     // rows by label

var<workgroup> those: array<u32, 256>;

@compute @workgroup_size(256)
fn count(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let block = group_number(group, groups);
    if (block >= sort.blocks) {
        return;
    }
    let end = min((block + 1u) * sort.block, sort.rows);
    for (var start = block * sort.block; start < end; start += 256u) {
        let row = start + t;
        var label = 0xffffffffu;
        if (row < end) {
            label = labels[row];
        }
        those[t] = label;
        workgroupBarrier();
        var before = 0u;
        var after = 0u;
        for (var other = 0u; other < 256u; other++) {
            let same = those[other] == label;
            before += select(0u, 1u, same && other < t);
            after += select(0u, 1u, same && other > t);
        }
        let tally = block * sort.labels + label;
        let counted = label < sort.labels;
        if (counted) {
            places[row] = tallies[tally] + before;
        }
        storageBarrier();
        workgroupBarrier();
        if (counted && after == 0u) {
            tallies[tally] += before + 1u;
        }
        storageBarrier();
        workgroupBarrier();
    }
}

@compute @workgroup_size(256)
fn scan(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let label = group_number(group, groups) * 256u + t;
    if (label >= sort.labels) {
        return;
    }
    var sum = 0u;
    for (var block = 0u; block < sort.blocks; block++) {
        let tally = block * sort.labels + label;
        let own = tallies[tally];
        tallies[tally] = sum;
        sum += own;
    }
    counts[label] = sum;
}

@compute @workgroup_size(256)
fn scatter(
    @builtin(local_invocation_index) t: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    let row = group_number(group, groups) * 256u + t;
    if (row >= sort.rows) {
        return;
    }
    let label = labels[row];
    if (label < sort.labels) {
        order[starts[label] + tallies[(row / sort.block) * sort.labels + label] + places[row]] = row;
    }
}
