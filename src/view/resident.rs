//! The points of a map on the GPU: written when they change, a bounded part a frame.

use std::ops::Range;
use std::sync::Arc;

use super::arranged::{Arranged, RINGED};

/// Points in one set of buffers: 64 MB of positions, half of what any adapter binds at once. Tests, which have fewer
/// points, try several sets all the same.
const CHUNK: u32 = if cfg!(test) { 1 << 16 } else { 1 << 23 };

/// Tiles of a chunk at most: WebGPU dispatches 65,535 workgroups at once.
const CHUNK_TILES: usize = 60_000;

/// Bytes written in one frame: a few milliseconds of copying.
const WRITTEN_A_FRAME: usize = 16 << 20;

/// Vertices of one disc, a strip of two triangles; the upper layer takes the next four.
const VERTICES: u32 = 4;

const POSITION: usize = size_of::<[f32; 2]>();
const MARK: usize = size_of::<u32>();

/// Arranged points whose buffers are written.
pub(super) struct Resident {
    pub arranged: Arc<Arranged>,
    pub chunks: Vec<Chunk>,
    /// Positions and marks of the chosen points, to be drawn above the others.
    pub chosen: Option<(wgpu::Buffer, wgpu::Buffer)>,
}

/// The points of neighbouring tiles.
pub(super) struct Chunk {
    pub slots: Range<u32>,
    pub positions: wgpu::Buffer,
    pub marks: wgpu::Buffer,
    /// The ranges that a frame counts: first point of the chunk and number of points.
    pub ranges: wgpu::Buffer,
    /// How many ranges there is room for.
    pub most_ranges: usize,
}

/// Points on their way.
struct Incoming {
    resident: Resident,
    /// Slots whose positions and marks are written.
    positions: usize,
    marks: usize,
}

/// The points that are drawn and those that will be.
#[derive(Default)]
pub(super) struct Residence {
    current: Option<Resident>,
    incoming: Option<Incoming>,
}

impl Residence {
    /// What can be drawn now.
    pub fn current(&self) -> Option<&Resident> {
        self.current.as_ref()
    }

    /// Whether a newer arrangement is being written.
    pub fn is_writing(&self) -> bool {
        self.incoming.is_some()
    }

    /// Brings `wanted` onto the GPU, or a part of it: what is drawn changes when all of it is there.
    pub fn advance(&mut self, wanted: &Arc<Arranged>, device: &wgpu::Device, queue: &wgpu::Queue) {
        // Points of another number belong to other data: they are not drawn any more.
        let count = wanted.tiles.source().len();
        self.current = self.current.take().filter(|current| current.arranged.tiles.source().len() == count);
        self.incoming =
            self.incoming.take().filter(|incoming| incoming.resident.arranged.tiles.source().len() == count);
        if self.incoming.is_none() {
            if self.current.as_ref().is_some_and(|current| current.arranged.number == wanted.number) {
                return;
            }
            self.incoming = Some(Incoming::new(self.current.as_ref(), wanted, device));
        }
        let Some(mut incoming) = self.incoming.take() else { return };
        if incoming.write(queue) {
            incoming.resident.write_chosen(device, queue);
            self.current = Some(incoming.resident);
        } else {
            self.incoming = Some(incoming);
        }
    }
}

impl Incoming {
    fn new(current: Option<&Resident>, wanted: &Arc<Arranged>, device: &wgpu::Device) -> Self {
        let slots = wanted.marks.len();
        let tiled = current.filter(|now| Arc::ptr_eq(&now.arranged.tiles, &wanted.tiles));
        let ordered = current.filter(|now| Arc::ptr_eq(now.arranged.tiles.order(), wanted.tiles.order()));
        let marked = ordered.filter(|now| Arc::ptr_eq(&now.arranged.marks, &wanted.marks));
        let cuts = cuts(wanted);
        // What is written within one frame may go where the old data are: both are never drawn.
        let in_place = current.filter(|now| {
            at_once(slots)
                && now.chunks.iter().map(|chunk| &chunk.slots).eq(cuts.iter().map(|(slots, _)| slots))
        });
        let chunks = cuts.into_iter().enumerate().map(|(at, (slots, tiles))| {
            let buffer = |kept: Option<&Resident>, of: fn(&Chunk) -> &wgpu::Buffer, label, bytes: usize| {
                let kept = kept.and_then(|now| now.chunks.get(at)).map(|chunk| of(chunk).clone());
                kept.unwrap_or_else(|| {
                    let usage = wgpu::BufferUsages::VERTEX
                        | wgpu::BufferUsages::STORAGE
                        | wgpu::BufferUsages::COPY_DST;
                    device.create_buffer(&wgpu::BufferDescriptor {
                        label: Some(label),
                        size: bytes.max(16) as u64,
                        usage,
                        mapped_at_creation: false,
                    })
                })
            };
            let length = slots.len();
            Chunk {
                positions: buffer(tiled.or(in_place), |c| &c.positions, "map positions", length * POSITION),
                marks: buffer(marked.or(in_place), |c| &c.marks, "map marks", length * MARK),
                ranges: buffer(ordered, |c| &c.ranges, "map ranges", tiles * size_of::<[u32; 2]>()),
                most_ranges: tiles,
                slots,
            }
        });
        let resident = Resident { arranged: wanted.clone(), chunks: chunks.collect(), chosen: None };
        let done = |kept: bool| if kept { slots } else { 0 };
        Self { resident, positions: done(tiled.is_some()), marks: done(marked.is_some()) }
    }

    /// Writes a frame's part; returns whether that was the last one.
    fn write(&mut self, queue: &wgpu::Queue) -> bool {
        let mut left = WRITTEN_A_FRAME;
        let Resident { arranged, chunks, .. } = &self.resident;
        let slots = arranged.marks.len();
        for chunk in chunks {
            let part = part_of(&chunk.slots, self.positions, left / POSITION);
            write(queue, &chunk.positions, chunk, &part, arranged.tiles.positions());
            self.positions += part.len();
            left -= part.len() * POSITION;
        }
        for chunk in chunks {
            let part = part_of(&chunk.slots, self.marks, left / MARK);
            write(queue, &chunk.marks, chunk, &part, &arranged.marks);
            self.marks += part.len();
            left -= part.len() * MARK;
        }
        self.positions >= slots && self.marks >= slots
    }
}

impl Resident {
    /// How often tiles are gone through: once more where chosen points are too many for a draw of their own.
    pub fn layers(&self) -> u32 {
        if self.arranged.chosen_count > RINGED { 2 } else { 1 }
    }

    /// Draws one layer of the discs of some slots. `before` is called with the number of each chunk before its points.
    pub fn draw_discs(
        &self,
        ranges: &[Range<u32>],
        layer: u32,
        pass: &mut wgpu::RenderPass<'_>,
        mut before: impl FnMut(usize, &mut wgpu::RenderPass<'_>),
    ) {
        for (number, chunk) in self.chunks.iter().enumerate() {
            let inside = chunk.within(ranges);
            if inside.is_empty() {
                continue;
            }
            before(number, pass);
            pass.set_vertex_buffer(0, chunk.positions.slice(..));
            pass.set_vertex_buffer(1, chunk.marks.slice(..));
            for [first, count] in inside {
                pass.draw(layer * VERTICES..(layer + 1) * VERTICES, first..first + count);
            }
        }
    }

    /// Draws the few chosen points, above all others.
    pub fn draw_chosen(&self, pass: &mut wgpu::RenderPass<'_>) {
        let Some((positions, marks)) = &self.chosen else { return };
        pass.set_vertex_buffer(0, positions.slice(..));
        pass.set_vertex_buffer(1, marks.slice(..));
        pass.draw(VERTICES..2 * VERTICES, 0..self.arranged.chosen.len() as u32);
    }

    /// Whether what is written stays as it is until other points come: those of a small map are written over.
    pub fn is_lasting(&self) -> bool {
        !at_once(self.arranged.marks.len())
    }

    fn write_chosen(&mut self, device: &wgpu::Device, queue: &wgpu::Queue) {
        let slots = &self.arranged.chosen;
        if slots.is_empty() {
            return;
        }
        let (positions, marks) = (self.arranged.tiles.positions(), &self.arranged.marks);
        let chosen: Vec<[f32; 2]> = slots.iter().map(|&slot| positions[slot as usize]).collect();
        let marks: Vec<u32> = slots.iter().map(|&slot| marks[slot as usize]).collect();
        let written = |label, bytes: &[u8]| {
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: bytes.len() as u64,
                usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            queue.write_buffer(&buffer, 0, bytes);
            buffer
        };
        self.chosen = Some((
            written("chosen positions", bytemuck::cast_slice(&chosen)),
            written("chosen marks", bytemuck::cast_slice(&marks)),
        ));
    }
}

impl Chunk {
    /// The parts of some ranges of slots that lie in it: first of its points and number of points.
    pub fn within(&self, ranges: &[Range<u32>]) -> Vec<[u32; 2]> {
        ranges
            .iter()
            .map(|range| range.start.max(self.slots.start)..range.end.min(self.slots.end))
            .filter(|range| !range.is_empty())
            .map(|range| [range.start - self.slots.start, range.end - range.start])
            .collect()
    }
}

/// Whether so many points are written within one frame.
fn at_once(slots: usize) -> bool {
    slots * (POSITION + MARK) <= WRITTEN_A_FRAME
}

/// The slots of each chunk, and how many tiles they are.
fn cuts(arranged: &Arranged) -> Vec<(Range<u32>, usize)> {
    let mut cuts: Vec<(Range<u32>, usize)> = Vec::new();
    for tile in arranged.tiles.all() {
        let end = tile.first + tile.count;
        match cuts.last_mut() {
            Some((slots, tiles)) if end - slots.start <= CHUNK && *tiles < CHUNK_TILES => {
                slots.end = end;
                *tiles += 1;
            }
            _ => cuts.push((tile.first..end, 1)),
        }
    }
    cuts
}

/// The next slots to write of a chunk, when all before `done` are and no others; at `most` so many.
fn part_of(slots: &Range<u32>, done: usize, most: usize) -> Range<usize> {
    let (start, end) = (slots.start as usize, slots.end as usize);
    // What lies before must be written first.
    if done < start || done >= end { start..start } else { done..(done + most).min(end) }
}

fn write<T: bytemuck::NoUninit>(
    queue: &wgpu::Queue,
    buffer: &wgpu::Buffer,
    chunk: &Chunk,
    part: &Range<usize>,
    values: &[T],
) {
    if !part.is_empty() {
        let at = (part.start - chunk.slots.start as usize) * size_of::<T>();
        queue.write_buffer(buffer, at as u64, bytemuck::cast_slice(&values[part.clone()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_written_once_and_in_order() {
        let chunks = [0..7u32, 7..8, 8..30];
        for most in [1, 3, 5, 100] {
            let mut written = Vec::new();
            while written.len() < 30 {
                let mut left = most;
                for slots in &chunks {
                    let part = part_of(slots, written.len(), left);
                    left -= part.len();
                    written.extend(part);
                }
                assert!(left < most, "a frame writes something");
            }
            assert_eq!(written, (0..30).collect::<Vec<usize>>());
        }
    }
}
