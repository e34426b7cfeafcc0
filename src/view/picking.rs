//! Which points lie where: a grid over the map, built away from the window's thread.

use std::sync::Arc;

use rayon::prelude::*;

use super::camera::Bounds;

/// Points a cell holds on average when they are spread evenly.
const POINTS_PER_CELL: usize = 2;

/// Cells along one side at most: 16 MB of offsets.
const MAX_SIDE: usize = 2048;

/// Points nearer than this share of the map's extent are a stack: no zoom tells them apart.
const STACK_SHARE: f64 = 1e-6;

/// Positions sorted into square cells.
pub struct PointIndex {
    positions: Arc<Vec<[f32; 2]>>,
    /// How near points of a stack are, in world units.
    stack_reach: f64,
    origin: [f64; 2],
    cells_per_unit: f64,
    columns: usize,
    rows: usize,
    /// The points of cell `c` are `points[starts[c]..starts[c + 1]]`, ascending.
    starts: Vec<u32>,
    points: Vec<u32>,
}

impl PointIndex {
    /// Sorts the points into cells. Points that are not finite lie nowhere; stray ones lie in cells at the rim.
    pub fn build(positions: Arc<Vec<[f32; 2]>>) -> Self {
        let bounds = Bounds::robust(&positions);
        let [width, height] = bounds.size().map(|length| length.max(f64::MIN_POSITIVE));
        let wanted = (positions.len() / POINTS_PER_CELL).max(1) as f64;
        let cell = (width * height / wanted).sqrt().max(width.max(height) / MAX_SIDE as f64);
        let side = |length: f64| ((length / cell).ceil() as usize).clamp(1, MAX_SIDE);
        let mut index = Self {
            stack_reach: stack_reach(bounds),
            origin: bounds.min,
            cells_per_unit: if cell > 0.0 { 1.0 / cell } else { 0.0 },
            columns: side(width),
            rows: side(height),
            starts: Vec::new(),
            points: Vec::new(),
            positions,
        };
        let cells: Vec<u32> = index.positions.par_iter().map(|&position| index.cell_of(position)).collect();
        let mut starts = vec![0_u32; index.columns * index.rows + 1];
        for &cell in cells.iter().filter(|&&cell| cell != u32::MAX) {
            starts[cell as usize + 1] += 1;
        }
        for c in 1..starts.len() {
            starts[c] += starts[c - 1];
        }
        let mut points = vec![0; starts[starts.len() - 1] as usize];
        let mut next = starts.clone();
        for (i, &cell) in cells.iter().enumerate().filter(|(_, cell)| **cell != u32::MAX) {
            points[next[cell as usize] as usize] = i as u32;
            next[cell as usize] += 1;
        }
        index.starts = starts;
        index.points = points;
        index
    }

    /// The positions that were indexed.
    pub fn positions(&self) -> &Arc<Vec<[f32; 2]>> {
        &self.positions
    }

    /// The point nearest to `world` within `radius` world units among those that `keep` keeps. Of points at one
    /// place the first is taken.
    pub fn nearest(&self, world: [f64; 2], radius: f64, keep: impl Fn(u32) -> bool) -> Option<u32> {
        let mut best: Option<(f64, u32)> = None;
        let around = Bounds { min: world.map(|v| v - radius), max: world.map(|v| v + radius) };
        self.each_in_cells_of(around, |i| {
            let distance = squared_distance(self.positions[i as usize], world);
            let nearer = best.is_none_or(|(least, first)| (distance, i) < (least, first));
            if distance <= radius * radius && nearer && keep(i) {
                best = Some((distance, i));
            }
        });
        best.map(|(_, i)| i)
    }

    /// All points inside a world rectangle, ascending.
    pub fn in_rect(&self, rect: Bounds) -> Vec<u32> {
        let mut found = Vec::new();
        self.each_in_cells_of(rect, |i| {
            if rect.contains(self.positions[i as usize]) {
                found.push(i);
            }
        });
        found.sort_unstable();
        found
    }

    /// All points that cannot be told apart from point `i`, itself included, ascending.
    pub fn stack_of(&self, i: u32) -> Vec<u32> {
        let Some(&[x, y]) = self.positions.get(i as usize) else { return Vec::new() };
        let reach = self.stack_reach;
        let key = stack_key([x, y], reach);
        let around = Bounds {
            min: [f64::from(x) - reach, f64::from(y) - reach],
            max: [f64::from(x) + reach, f64::from(y) + reach],
        };
        let mut found = Vec::new();
        self.each_in_cells_of(around, |other| {
            if stack_key(self.positions[other as usize], reach) == key {
                found.push(other);
            }
        });
        found.sort_unstable();
        found
    }

    fn each_in_cells_of(&self, rect: Bounds, mut visit: impl FnMut(u32)) {
        let cells = |axis: usize, count: usize| {
            let cell = |v: f64| clamp_cell((v - self.origin[axis]) * self.cells_per_unit, count);
            cell(rect.min[axis])..=cell(rect.max[axis])
        };
        for row in cells(1, self.rows) {
            for column in cells(0, self.columns) {
                let c = row * self.columns + column;
                self.points[self.starts[c] as usize..self.starts[c + 1] as usize]
                    .iter()
                    .copied()
                    .for_each(&mut visit);
            }
        }
    }

    fn cell_of(&self, [x, y]: [f32; 2]) -> u32 {
        if !(x.is_finite() && y.is_finite()) {
            return u32::MAX;
        }
        let column = clamp_cell((f64::from(x) - self.origin[0]) * self.cells_per_unit, self.columns);
        let row = clamp_cell((f64::from(y) - self.origin[1]) * self.cells_per_unit, self.rows);
        (row * self.columns + column) as u32
    }
}

/// The cell along one axis; what lies outside the grid belongs to its rim.
fn clamp_cell(place: f64, count: usize) -> usize {
    (place.max(0.0) as usize).min(count - 1)
}

fn squared_distance([x, y]: [f32; 2], world: [f64; 2]) -> f64 {
    let (dx, dy) = (f64::from(x) - world[0], f64::from(y) - world[1]);
    dx * dx + dy * dy
}

/// How near points are when no zoom tells them apart, in world units.
fn stack_reach(bounds: Bounds) -> f64 {
    let [width, height] = bounds.size();
    let extent = width.max(height);
    if extent > 0.0 { extent * STACK_SHARE } else { 1.0 }
}

/// The square of side `reach` that a position rounds to.
fn stack_key([x, y]: [f32; 2], reach: f64) -> (i64, i64) {
    ((f64::from(x) / reach).round() as i64, (f64::from(y) / reach).round() as i64)
}

/// For every point the number of points at its place, itself included: 1 where it lies alone. Positions are equal
/// when they round to the same millionth of the map. Points that are not finite lie alone.
pub fn stacks(positions: &[[f32; 2]]) -> Vec<u32> {
    let reach = stack_reach(Bounds::robust(positions));
    let mut keyed: Vec<((i64, i64), u32)> = positions
        .par_iter()
        .enumerate()
        .filter(|(_, p)| p[0].is_finite() && p[1].is_finite())
        .map(|(i, &position)| (stack_key(position, reach), i as u32))
        .collect();
    keyed.par_sort_unstable();
    let mut sizes = vec![1; positions.len()];
    for stack in keyed.chunk_by(|a, b| a.0 == b.0).filter(|stack| stack.len() > 1) {
        for &(_, i) in stack {
            sizes[i as usize] = stack.len() as u32;
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points() -> impl Strategy<Value = Vec<[f32; 2]>> {
        let coordinate =
            || prop_oneof![9 => -10.0..10.0_f32, 1 => Just(0.5_f32), 1 => Just(f32::NAN), 1 => -1e6..1e6_f32];
        proptest::collection::vec((coordinate(), coordinate()).prop_map(|(x, y)| [x, y]), 0..200)
    }

    proptest! {
        #[test]
        fn the_nearest_point_is_the_one_a_scan_finds(
            points in points(), x in -12.0..12.0, y in -12.0..12.0, radius in 0.0..5.0,
        ) {
            let index = PointIndex::build(Arc::new(points.clone()));
            let scanned = points
                .iter()
                .enumerate()
                .map(|(i, &p)| (squared_distance(p, [x, y]), i as u32))
                .filter(|&(distance, _)| distance <= radius * radius)
                .min_by(|a, b| a.partial_cmp(b).unwrap())
                .map(|(_, i)| i);
            prop_assert_eq!(index.nearest([x, y], radius, |_| true), scanned);
        }

        #[test]
        fn a_rectangle_holds_what_a_scan_finds(
            points in points(), x in -12.0..12.0, y in -12.0..12.0, w in 0.0..9.0, h in 0.0..9.0,
        ) {
            let rect = Bounds { min: [x, y], max: [x + w, y + h] };
            let index = PointIndex::build(Arc::new(points.clone()));
            let scanned: Vec<u32> =
                (0..points.len() as u32).filter(|&i| rect.contains(points[i as usize])).collect();
            prop_assert_eq!(index.in_rect(rect), scanned);
        }

        #[test]
        fn a_stack_and_its_size_agree(mut points in points()) {
            points.extend(points.clone().iter().step_by(3));
            let sizes = stacks(&points);
            let index = PointIndex::build(Arc::new(points.clone()));
            for (i, &size) in sizes.iter().enumerate().filter(|(i, _)| points[*i].iter().all(|v| v.is_finite())) {
                prop_assert_eq!(index.stack_of(i as u32).len(), size as usize);
            }
        }
    }

    #[test]
    fn hidden_points_are_not_picked() {
        let index = PointIndex::build(Arc::new(vec![[0.0, 0.0], [1.0, 0.0], [2.0, 2.0]]));
        assert_eq!(index.nearest([0.1, 0.0], 2.0, |_| true), Some(0));
        assert_eq!(index.nearest([0.1, 0.0], 2.0, |i| i != 0), Some(1));
        assert_eq!(index.nearest([0.1, 0.0], 0.05, |_| true), None);
    }

    #[test]
    fn duplicates_are_stacked_and_neighbours_are_not() {
        let positions = [[0.0, 0.0], [5.0, 5.0], [0.0, 0.0], [10.0, 10.0], [5.001, 5.0]];
        assert_eq!(stacks(&positions), [2, 1, 2, 1, 1]);
    }

    #[test]
    fn an_empty_map_and_a_map_of_one_place_can_be_asked() {
        let none = PointIndex::build(Arc::new(Vec::new()));
        assert_eq!(none.nearest([0.0, 0.0], 1.0, |_| true), None);
        assert!(stacks(&[]).is_empty());
        let one = PointIndex::build(Arc::new(vec![[3.0, 3.0]; 4]));
        assert_eq!(one.nearest([3.0, 3.0], 0.1, |_| true), Some(0));
        assert_eq!(one.stack_of(2), [0, 1, 2, 3]);
    }
}
