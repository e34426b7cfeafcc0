// Counting scores by how many of a query's thresholds they pass. Who reads the counts adds them up from above: how many pass a
// threshold is what is counted there and higher.

@group(0) @binding(3) var<storage, read> thresholds: array<f32>;            // `k` a query, ascending
@group(0) @binding(4) var<storage, read_write> passed: array<atomic<u32>>;  // `k` a query: scores above just so many and one

const NEVER = 3.0e38;      // more than any score

// The threshold that `score` passes last, of those of `query`; the first one is known to be passed.
fn last_passed(score: f32, query: u32, k: u32) -> u32 {
    var low = 0u;
    var high = k;
    while (high - low > 1u) {
        let middle = (low + high) / 2u;
        if (score > thresholds[query * k + middle]) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
