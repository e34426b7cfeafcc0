//! The convolution of a grid with an even kernel. The twin is `math::convolve`.

use std::f64::consts::TAU;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::context::{Buffer, Context};
use super::error::GpuError;
use super::kernel::Kernel;
use super::steps::Step;

/// Invocations of a workgroup.
const GROUP: usize = 256;

/// `Job` of `fourier.wgsl`.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct Job {
    groups: [u32; 2],
    count: u32,
    length: u32,
    lines: u32,
    along: u32,
    across: u32,
    span: u32,
    turn: u32,
    back: u32,
    width: u32,
    rows: u32,
    columns: u32,
    scale: f32,
    unused: [u32; 2],
}

/// Nodes of the largest room whose transform fits into bindings of `page` bytes count: whether this one does.
pub(super) fn fits([width, height]: [usize; 2], page: u64) -> bool {
    spectrum(width, height) as u64 * size_of::<[f32; 2]>() as u64 <= page
}

/// Values of the transform of a room, padded with as many zeros: columns beyond the middle mirror those before.
fn spectrum(width: usize, height: usize) -> usize {
    (width + 1) * 2 * height
}

/// Convolutions of grids of at most `room` nodes, powers of two.
pub(super) struct Convolver {
    room: [usize; 2],
    /// Transforms on their way, two for each pass.
    spectra: [Buffer; 2],
    kernel: Buffer,
    twiddles: Buffer,
    radix2: Arc<Kernel>,
    radix4: Arc<Kernel>,
    take: Arc<Kernel>,
    to_columns: Arc<Kernel>,
    multiply: Arc<Kernel>,
    to_rows: Arc<Kernel>,
}

impl Convolver {
    /// `kernel` is the transform of the kernel with the scale of all transforms (`1 / (4 width height)`): for each of
    /// `width` + 1 columns, frequencies 0 to `height` along it.
    ///
    /// Takes 36 bytes a node of `room` of the adapter's memory.
    pub fn new(context: &Context, room: [usize; 2], kernel: &[f32]) -> Result<Self, GpuError> {
        let [width, height] = room;
        let longest = 2 * width.max(height);
        let turned = |k: usize| {
            let angle = TAU * k as f64 / longest as f64;
            [angle.cos() as f32, -angle.sin() as f32]
        };
        let twiddles: Vec<[f32; 2]> = (0..longest).map(turned).collect();
        let values = || context.buffer::<[f32; 2]>("the field's transform", spectrum(width, height));
        let entry = |name| context.kernel("fourier", name, &[]);
        Ok(Self {
            room,
            spectra: [values()?, values()?],
            kernel: context.upload("the kernel's transform", kernel)?,
            twiddles: context.upload("twiddles", &twiddles)?,
            radix2: entry("radix2")?,
            radix4: entry("radix4")?,
            take: entry("take")?,
            to_columns: entry("to_columns")?,
            multiply: entry("multiply")?,
            to_rows: entry("to_rows")?,
        })
    }

    /// The nodes that a grid may have.
    pub fn room(&self) -> [usize; 2] {
        self.room
    }

    /// From one row of a result to the next.
    pub fn stride(&self) -> usize {
        2 * self.room[0]
    }

    /// Adds to `steps` what convolves the first `rows` rows of `counts` (rows of the room's width, in whole parts of
    /// `scale` each), which are zeros then. Returns where the result will be, in the real part.
    pub fn run(&self, counts: &Buffer, rows: usize, scale: f32, steps: &mut Vec<Step>) -> &Buffer {
        let [width, height] = self.room;
        let columns = width + 1;
        let mut at = 0;
        let whole = Job {
            length: 2 * width as u32,
            width: width as u32,
            rows: rows as u32,
            columns: columns as u32,
            scale,
            ..Job::default()
        };
        let along_rows = Job { lines: rows as u32, along: 1, across: whole.length, ..whole };
        let down = Job {
            length: 2 * height as u32,
            lines: columns as u32,
            along: columns as u32,
            across: 1,
            ..whole
        };
        let (in_rows, in_columns) = (rows * 2 * width, spectrum(width, height));
        add(steps, &self.take, whole, in_rows, &[(2, &self.spectra[at]), (4, counts)]);
        self.transform(along_rows, &mut at, steps);
        let turned = |at: usize| [(1, &self.spectra[at]), (2, &self.spectra[1 - at])];
        add(steps, &self.to_columns, whole, in_columns, &turned(at));
        at = 1 - at;
        self.transform(down, &mut at, steps);
        add(steps, &self.multiply, down, in_columns, &[(2, &self.spectra[at]), (5, &self.kernel)]);
        self.transform(Job { back: 1, ..down }, &mut at, steps);
        add(steps, &self.to_rows, whole, in_rows, &turned(at));
        at = 1 - at;
        self.transform(Job { back: 1, ..along_rows }, &mut at, steps);
        &self.spectra[at]
    }

    /// The passes of the transforms of all lines; `at` is where the values are, before and after.
    fn transform(&self, job: Job, at: &mut usize, steps: &mut Vec<Step>) {
        let longest = 2 * self.room[0].max(self.room[1]);
        let length = job.length as usize;
        let mut span = 1;
        while span < length {
            // The odd one comes first, where it has nothing to turn.
            let odd = span == 1 && length.trailing_zeros() % 2 == 1;
            let (kernel, radix) = if odd { (&self.radix2, 2) } else { (&self.radix4, 4) };
            let job = Job { span: span as u32, turn: (longest / (radix * span)) as u32, ..job };
            let buffers = [(1, &self.spectra[*at]), (2, &self.spectra[1 - *at]), (3, &self.twiddles)];
            add(steps, kernel, job, job.lines as usize * length / radix, &buffers);
            *at = 1 - *at;
            span *= radix;
        }
    }
}

fn add(steps: &mut Vec<Step>, kernel: &Arc<Kernel>, job: Job, count: usize, buffers: &[(u32, &Buffer)]) {
    let job = Job { count: count as u32, ..job };
    steps.push(Step::new(kernel, &job, buffers, (count.div_ceil(GROUP), 1)));
}
