//! What an adapter (a software one will do) draws, beside its twin on the CPU.

use egui_kittest::wgpu::{create_render_state, default_wgpu_setup};
use egui_wgpu::RenderState;

mod asking;

use super::*;
use crate::math::hash::{draw, unit};
use crate::view::arranged::Data;
use crate::view::camera::Bounds;
use crate::view::colour::{MapTheme, pack};
use crate::view::disc::flags;

const SIZE: egui::Vec2 = egui::Vec2::new(301.0, 222.0);

/// Points in two clouds, many at one place, some out of view; `chosen` of them selected, some hidden or dimmed.
fn data(count: u64, chosen: u64) -> Data {
    let at = |i: u64, axis: u64| unit(draw(3, 2 * i + axis)) as f32;
    let position = |i: u64| match i % 10 {
        0 => [0.25, -0.5],
        1..5 => [2.0 + at(i, 0) * at(i, 1), at(i, 1)],
        _ => [3.0 * at(i, 0) - 1.0, 2.0 * at(i, 1) - 1.0],
    };
    let flag = |i: u64| match i % 31 {
        0 => flags::HIDDEN,
        1 | 2 => flags::DIMMED,
        _ if chosen > 0 && i % (count / chosen) == 1 => flags::SELECTED,
        _ => 0,
    };
    let colour = |i: u64| pack([(i * 7) as u8, (i * 13) as u8, (i % 4 * 60) as u8]);
    Data {
        positions: Arc::new((0..count).map(position).collect()),
        colours: Arc::new((0..count).map(colour).collect()),
        flags: Arc::new((0..count).map(flag).collect()),
    }
}

/// The same points, otherwise numbered.
fn renumbered(data: &Data) -> Data {
    let mut order: Vec<usize> = (0..data.positions.len()).collect();
    order.sort_by_key(|&i| draw(99, i as u64));
    Data {
        positions: Arc::new(order.iter().map(|&i| data.positions[i]).collect()),
        colours: Arc::new(order.iter().map(|&i| data.colours[i]).collect()),
        flags: Arc::new(order.iter().map(|&i| data.flags[i]).collect()),
    }
}

struct Studio {
    state: RenderState,
    pipelines: Pipelines,
    ctx: egui::Context,
    report: Mutex<Report>,
}

impl Studio {
    fn new() -> Self {
        let state = create_render_state(default_wgpu_setup(), egui_wgpu::RendererOptions::PREDICTABLE);
        let pipelines = Pipelines::new(&state.device, state.target_format, true, true, true);
        Self { state, pipelines, ctx: egui::Context::default(), report: Mutex::default() }
    }

    fn gpu(&self) -> Gpu<'_> {
        Gpu { device: &self.state.device, queue: &self.state.queue, pipelines: &self.pipelines }
    }

    fn frame(&self, canvas: &mut Canvas, arranged: &Arc<Arranged>, camera: Camera) -> Shown {
        self.frame_asked(canvas, arranged, camera, 1.0, None).shown
    }

    fn frame_asked(
        &self,
        canvas: &mut Canvas,
        arranged: &Arc<Arranged>,
        camera: Camera,
        pixels_per_point: f32,
        pointer: Option<Pointer>,
    ) -> Report {
        let wanted = Wanted {
            arranged,
            camera,
            size: SIZE,
            pixels_per_point,
            style: style(arranged),
            layout_moves: false,
            pointer,
            ctx: &self.ctx,
            report: &self.report,
        };
        let mut encoder = self.state.device.create_command_encoder(&Default::default());
        canvas.advance(&wanted, &self.gpu(), &mut encoder);
        self.state.queue.submit([encoder.finish()]);
        self.report.lock().unwrap().clone()
    }

    /// Draws until nothing is left to do.
    fn finish(&self, canvas: &mut Canvas, arranged: &Arc<Arranged>, camera: Camera) {
        for _ in 0..500 {
            self.frame(canvas, arranged, camera);
            if canvas.exposure.is_complete() && canvas.residence.current().is_some() {
                return;
            }
            // Discs wait for the camera to rest.
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the picture is never complete");
    }

    fn read(&self, buffer: &wgpu::Buffer) -> Vec<u8> {
        let copy = self.state.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: buffer.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.state.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &copy, 0, buffer.size());
        self.state.queue.submit([encoder.finish()]);
        copy.map_async(wgpu::MapMode::Read, .., |_| {});
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: None };
        self.state.device.poll(wait).unwrap();
        copy.get_mapped_range(..).unwrap().to_vec()
    }

    fn counted(&self, canvas: &Canvas) -> splat::Cells {
        let counts = canvas.counts.as_ref().expect("points were counted");
        splat::Cells {
            coloured: bytemuck::pod_collect_to_vec(&self.read(&counts.coloured)),
            faint: bytemuck::pod_collect_to_vec(&self.read(&counts.faint)),
        }
    }

    /// The picture on show: four halves a pixel.
    fn picture(&self, canvas: &Canvas) -> Vec<[f32; 4]> {
        let texture = canvas.front.as_ref().expect("a picture is shown").view.texture();
        let [width, height] = canvas.pixels;
        let row = (width * 8).next_multiple_of(256);
        let copy = self.state.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: u64::from(row * height),
            usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.state.device.create_command_encoder(&Default::default());
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &copy,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(row),
                    rows_per_image: None,
                },
            },
            texture.size(),
        );
        self.state.queue.submit([encoder.finish()]);
        let bytes = self.read(&copy);
        let pixels =
            bytes.chunks_exact(row as usize).flat_map(|row| row[..width as usize * 8].chunks_exact(8));
        pixels
            .map(|pixel| {
                let half = |c: usize| half::f16::from_le_bytes([pixel[2 * c], pixel[2 * c + 1]]).to_f32();
                [0, 1, 2, 3].map(half)
            })
            .collect()
    }
}

fn style(arranged: &Arranged) -> PointStyle {
    PointStyle::new(arranged.marks.len(), arranged.chosen_count, SIZE.x * SIZE.y, 1.0, &MapTheme::DARK)
}

fn camera(zoom: f64) -> Camera {
    let bounds = Bounds { min: [-1.0, -1.0], max: [3.0, 1.0] };
    let fitted = Camera::fit(bounds, egui::Rect::from_min_size(egui::Pos2::ZERO, SIZE));
    Camera { scale: fitted.scale * zoom, ..fitted }
}

#[test]
fn counts_are_those_of_the_twin_however_many_frames_they_took() {
    let studio = Studio::new();
    for (chosen, frames) in [(0, 100_000), (500, 10_000_000), (40_000, 250_000)] {
        let arranged = Arc::new(Arranged::new(&data(600_000, chosen)));
        let mut canvas = Canvas::new(&studio.gpu(), true);
        canvas.splat = Budget::new(frames, false);
        studio.finish(&mut canvas, &arranged, camera(1.0));
        assert_eq!(canvas.mode, Mode::Splat);
        let apart = chosen == 500;
        let any = arranged.chosen_count > 0;
        let grid = Grid::new(&camera(1.0), canvas.pixels, 1.0, any, apart);
        let everything = 0..arranged.marks.len() as u32;
        let twin = splat::accumulate(
            &grid,
            arranged.tiles.positions(),
            &arranged.marks,
            std::slice::from_ref(&everything),
        );
        assert_eq!(studio.counted(&canvas), twin);
        let drawn: u32 =
            twin.coloured.iter().map(|cell| cell[3]).sum::<u32>() + twin.faint.iter().sum::<u32>();
        assert!(drawn > 500_000);

        // And so is their colour.
        if !apart {
            let style =
                PointStyle::new(600_000, arranged.chosen_count, SIZE.x * SIZE.y, 1.0, &MapTheme::DARK);
            let tone = Tone::new(&grid, &style, 1.0, 1.0);
            let picture = studio.picture(&canvas);
            for (at, pixel) in picture.iter().enumerate() {
                let (x, y) = (at as u32 % canvas.pixels[0], at as u32 / canvas.pixels[0]);
                let expected = tone.colour(&twin, x, y);
                let off = pixel.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(off < 0.004, "pixel {x}, {y}: {pixel:?} for {expected:?}");
            }
        }
    }
}

#[test]
fn the_counted_picture_does_not_depend_on_the_order_of_the_points() {
    let studio = Studio::new();
    let data = data(600_000, 0);
    let pictures = [data.clone(), renumbered(&data)].map(|data| {
        let mut canvas = Canvas::new(&studio.gpu(), true);
        studio.finish(&mut canvas, &Arc::new(Arranged::new(&data)), camera(1.0));
        (studio.counted(&canvas), studio.picture(&canvas))
    });
    assert!(pictures[0] == pictures[1]);
}

#[test]
fn discs_drawn_over_several_frames_are_those_drawn_in_one() {
    let studio = Studio::new();
    for chosen in [0, 50, 30_000] {
        let arranged = Arc::new(Arranged::new(&data(90_000, chosen)));
        let pictures = [10_000_000, 17_000].map(|budget| {
            let mut canvas = Canvas::new(&studio.gpu(), true);
            canvas.discs = Budget::new(budget, false);
            studio.finish(&mut canvas, &arranged, camera(1.0));
            assert_eq!(canvas.mode, Mode::Discs);
            studio.picture(&canvas)
        });
        assert!(pictures[0] == pictures[1], "{chosen} chosen");
    }
}

#[test]
fn a_turning_camera_is_followed_at_once_with_a_sample_and_a_resting_one_shows_all() {
    let studio = Studio::new();
    let arranged = Arc::new(Arranged::new(&data(600_000, 0)));
    let mut canvas = Canvas::new(&studio.gpu(), true);
    canvas.splat = Budget::new(60_000, true);
    for zoom in [1.0, 1.01, 1.02] {
        let shown = studio.frame(&mut canvas, &arranged, camera(zoom));
        assert!(shown.share < 0.5 && shown.share > 0.0, "{shown:?}");
        assert!(shown.drawn < 300_000, "{shown:?}");
        assert!(studio.ctx.has_requested_repaint());
    }
    studio.finish(&mut canvas, &arranged, camera(1.02));
    let shown = studio.frame(&mut canvas, &arranged, camera(1.02));
    assert_eq!((shown.share, shown.drawn), (1.0, 0));
}

#[test]
fn a_sample_is_as_bright_as_the_whole() {
    let studio = Studio::new();
    let arranged = Arc::new(Arranged::new(&data(600_000, 0)));
    let mean = |budget: u64| {
        let mut canvas = Canvas::new(&studio.gpu(), true);
        canvas.splat = Budget::new(budget, true);
        studio.frame(&mut canvas, &arranged, camera(1.0));
        let picture = studio.picture(&canvas);
        picture.iter().map(|pixel| pixel[3]).sum::<f32>() / picture.len() as f32
    };
    let (sample, whole) = (mean(200_000), mean(10_000_000));
    assert!((sample / whole - 1.0).abs() < 0.08, "{sample} for {whole}");
}

#[test]
fn at_the_switch_both_ways_of_drawing_look_alike() {
    let studio = Studio::new();
    // Where they change over, over a map of a usual size, a pixel holds about half a point.
    let count = 36_000;
    let arranged = Arc::new(Arranged::new(&data(count, 0)));
    let mut canvas = Canvas::new(&studio.gpu(), true);
    canvas.discs = Budget::new(1_000_000, true);
    studio.finish(&mut canvas, &arranged, camera(1.0));
    let discs = studio.picture(&canvas);
    let style = PointStyle::new(count as usize, 0, SIZE.x * SIZE.y, 1.0, &MapTheme::DARK);
    let grid = Grid::new(&camera(1.0), canvas.pixels, 1.0, false, false);
    let everything = 0..arranged.marks.len() as u32;
    let cells = splat::accumulate(
        &grid,
        arranged.tiles.positions(),
        &arranged.marks,
        std::slice::from_ref(&everything),
    );
    let tone = Tone::new(&grid, &style, 1.0, 1.0);
    let mean = |of: &dyn Fn(u32, u32) -> [f32; 4]| {
        let mut sums = [0.0; 4];
        for y in 0..canvas.pixels[1] {
            for x in 0..canvas.pixels[0] {
                sums.iter_mut().zip(of(x, y)).for_each(|(sum, value)| *sum += value);
            }
        }
        sums.map(|sum: f32| sum / (canvas.pixels[0] * canvas.pixels[1]) as f32)
    };
    let [drawn, counted] =
        [mean(&|x, y| discs[(y * canvas.pixels[0] + x) as usize]), mean(&|x, y| tone.colour(&cells, x, y))];
    for (a, b) in drawn.into_iter().zip(counted) {
        assert!((a / b - 1.0).abs() < 0.05, "{drawn:?} as discs, {counted:?} as counts");
    }
}
