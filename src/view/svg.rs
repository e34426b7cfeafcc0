//! The map as SVG 1.1 (<https://www.w3.org/TR/SVG11>): points as circles, names and legend as text, so that a picture
//! can be set larger and worked on in a drawing program.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use egui::{Pos2, Rect, Vec2};

use super::composition::{Composition, Drawn, HALO, names};
use super::disc::Disc;
use super::glyphs::Typeface;
use super::lettering::Anchor;
use super::map::OUTLINE_WIDTH;
use super::picture_legend::{LegendLayout, Piece};
use super::ramp::Ramp;
use super::raster::{Picture, RasterError, points_alone, tone_of};
use crate::job::Cancel;

/// Up to so many points are circles, of which browsers and drawing programs move this many without trouble (some 50
/// bytes each). More are drawn into a picture of pixels inside the file; text and lines stay as they are.
pub const MOST_CIRCLES: usize = 50_000;

/// Longest side of that picture, in pixels, and how many of them a view point has at most.
const PIXELS: f32 = 4096.0;
const DENSITY: f32 = 3.0;

/// The fonts of names and legend, where they are there.
const FONTS: &str = "Inter, 'Helvetica Neue', Helvetica, Arial, 'Noto Sans', sans-serif";

/// Steps of a ramp: colours in between are interpolated.
const RAMP_STOPS: usize = 16;

/// A picture as SVG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svg {
    pub text: String,
    /// Points in view that are circles.
    pub circles: usize,
    /// Points in view that were drawn into pixels instead, because they are more than [`MOST_CIRCLES`].
    pub in_pixels: usize,
}

/// What is said about a picture, for those who do not see it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub title: &'a str,
    pub description: &'a str,
}

/// Draws `picture` for a size of `width` × `height` pixels at `density` pixels a view point; as vectors it can be shown
/// at any other. Names are measured in `faces`.
pub fn draw(
    picture: &Picture<'_>,
    about: About<'_>,
    (width, height): (u32, u32),
    density: f32,
    faces: &[Typeface<'_>],
    cancel: &Cancel,
) -> Result<Svg, RasterError> {
    if width == 0 || height == 0 {
        return Err(RasterError::Size { width, height });
    }
    let view = Vec2::new(width as f32, height as f32) / density;
    let composition = Composition::of(picture, view);
    let mut svg = Writer { text: String::new() };
    let (title, description) = (escaped(about.title), escaped(about.description));
    svg.line(format_args!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" \
         xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" font-family=\"{FONTS}\">\n<title>{title}</title>\n<desc>{description}</desc>",
        Short(view.x),
        Short(view.y)
    ));
    if !picture.transparent {
        let ground = Colour(picture.theme.background);
        svg.line(format_args!("<rect id=\"ground\" width=\"100%\" height=\"100%\" fill=\"{ground}\"/>"));
    }
    let map = composition.map;
    let (w, h) = (Short(map.width()), Short(map.height()));
    svg.line(format_args!("<clipPath id=\"map\"><rect width=\"{w}\" height=\"{h}\"/></clipPath>"));
    svg.line(format_args!("<g id=\"points\" clip-path=\"url(#map)\">"));
    let (circles, in_pixels) = points(&mut svg, picture, &composition, cancel)?;
    svg.line(format_args!("</g>"));
    outlines(&mut svg, picture, &composition);
    set_names(&mut svg, picture, &composition, faces);
    if let Some(layout) = &composition.legend {
        legend(&mut svg, picture, layout);
    }
    svg.line(format_args!("</svg>"));
    Ok(Svg { text: svg.text, circles, in_pixels })
}

struct Writer {
    text: String,
}

impl Writer {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into memory does not fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }
}

/// A length with two digits at most: a hundredth of a point is not seen.
struct Short(f32);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Adding zero turns −0 into 0.
        write!(f, "{}", (self.0 * 100.0).round() / 100.0 + 0.0)
    }
}

struct Colour([u8; 3]);

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

/// Text that is text in XML, too: characters that XML does not know are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

/// What circles of a group have in common: colours and opacities in steps of 1/255, lengths in hundredths of a point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    chosen: bool,
    fill: [u8; 4],
    ring: [u8; 4],
    radius: u32,
    inner: u32,
    outer: u32,
}

impl Look {
    fn of(disc: &Disc) -> Self {
        let byte = |value: f32| (value * 255.0).round() as u8;
        let hundredths = |length: f32| (length * 100.0).round() as u32;
        Self {
            chosen: disc.chosen,
            fill: disc.fill.map(byte),
            ring: disc.ring.map(byte),
            radius: hundredths(disc.radius),
            inner: hundredths(disc.inner),
            outer: hundredths(disc.outer),
        }
    }

    fn ringed(&self) -> bool {
        self.ring[3] > 0 && self.outer > self.inner
    }
}

/// The points: returns how many are circles, and how many are in a picture of pixels.
fn points(
    svg: &mut Writer,
    picture: &Picture<'_>,
    composition: &Composition,
    cancel: &Cancel,
) -> Result<(usize, usize), RasterError> {
    let drawn = Drawn::of(picture, composition);
    let in_view = composition.map.expand(drawn.style.reach());
    let mut circles: Vec<(Look, Pos2)> = Vec::new();
    let mut count = 0;
    for chosen in [false, true] {
        for (disc, at) in drawn.discs(composition, chosen, 1.0).filter(|(_, at)| in_view.contains(*at)) {
            count += 1;
            if count <= MOST_CIRCLES {
                circles.push((Look::of(&disc), at));
            }
        }
        cancel.check()?;
    }
    if count > MOST_CIRCLES {
        drop(drawn);
        embed(svg, picture, composition, cancel)?;
        return Ok((0, count));
    }
    // Those that are chosen sort last, and so lie on top.
    circles.sort_by_key(|(look, _)| *look);
    for group in circles.chunk_by(|(a, _), (b, _)| a == b) {
        let look = group[0].0;
        let (fill, radius) = (look.fill, look.radius as f32 / 100.0);
        let alpha = |byte: u8| Short(f32::from(byte) / 255.0);
        let [r, g, b, a] = fill;
        svg.line(format_args!("<g fill=\"{}\" fill-opacity=\"{}\">", Colour([r, g, b]), alpha(a)));
        for (_, at) in group {
            let (x, y) = (Short(at.x), Short(at.y));
            svg.line(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{}\"/>", Short(radius)));
        }
        svg.line(format_args!("</g>"));
        if look.ringed() {
            let (inner, outer) = (look.inner as f32 / 100.0, look.outer as f32 / 100.0);
            let [r, g, b, a] = look.ring;
            svg.line(format_args!(
                "<g class=\"ring\" fill=\"none\" stroke=\"{}\" stroke-opacity=\"{}\" stroke-width=\"{}\">",
                Colour([r, g, b]),
                alpha(a),
                Short(outer - inner)
            ));
            for (_, at) in group {
                let (x, y, r) = (Short(at.x), Short(at.y), Short(0.5 * (inner + outer)));
                svg.line(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\"/>"));
            }
            svg.line(format_args!("</g>"));
        }
    }
    Ok((count, 0))
}

/// The points as a picture of pixels inside the file.
fn embed(
    svg: &mut Writer,
    picture: &Picture<'_>,
    composition: &Composition,
    cancel: &Cancel,
) -> Result<(), RasterError> {
    let map = composition.map;
    let density = (PIXELS / map.width().max(map.height()).max(1.0)).min(DENSITY);
    let raster = points_alone(picture, composition, density, cancel)?;
    let (width, height) = (raster.width as f32 / density, raster.height as f32 / density);
    let data = STANDARD.encode(raster.to_png()?);
    // Old programs look for the address under its old name.
    svg.line(format_args!(
        "<image width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" xlink:href=\"data:image/png;base64,{data}\"/>",
        Short(width),
        Short(height)
    ));
    Ok(())
}

fn outlines(svg: &mut Writer, picture: &Picture<'_>, composition: &Composition) {
    if picture.outlines.is_empty() {
        return;
    }
    svg.line(format_args!(
        "<g id=\"outlines\" clip-path=\"url(#map)\" fill=\"none\" stroke-width=\"{OUTLINE_WIDTH}\">"
    ));
    for outline in picture.outlines.iter().filter(|outline| outline.line.len() > 1) {
        let mut path = String::new();
        for (i, &position) in outline.line.iter().enumerate() {
            let at = composition.at(position);
            let _ = write!(path, "{}{} {}", if i == 0 { "M" } else { "L" }, Short(at.x), Short(at.y));
        }
        let (stroke, opacity) = (Colour(outline.colour), Short(outline.opacity));
        svg.line(format_args!("<path stroke=\"{stroke}\" stroke-opacity=\"{opacity}\" d=\"{path}\"/>"));
    }
    svg.line(format_args!("</g>"));
}

fn set_names(svg: &mut Writer, picture: &Picture<'_>, composition: &Composition, faces: &[Typeface<'_>]) {
    let names = names(picture, composition, faces);
    if names.is_empty() {
        return;
    }
    // The halo is painted first, under the letters. Programs that cannot do so would bury them: for these, each name
    // comes twice, the first time as halo alone.
    let halo = Colour(picture.theme.background);
    svg.line(format_args!("<g id=\"names\" font-weight=\"600\" text-anchor=\"middle\">"));
    for name in names {
        let size = Short(name.size);
        let spans: String = (name.lines.iter())
            .map(|(line, at)| {
                let (x, y) = (Short(at.x), Short(at.y));
                format!("<tspan x=\"{x}\" y=\"{y}\">{}</tspan>", escaped(line))
            })
            .collect();
        svg.line(format_args!(
            "<text class=\"halo\" aria-hidden=\"true\" font-size=\"{size}\" fill=\"none\" stroke=\"{halo}\" \
             stroke-opacity=\"0.88\" stroke-width=\"{}\" stroke-linejoin=\"round\">{spans}</text>",
            2.0 * HALO
        ));
        let fill = Colour(name.colour);
        svg.line(format_args!("<text font-size=\"{size}\" fill=\"{fill}\">{spans}</text>"));
    }
    svg.line(format_args!("</g>"));
}

fn legend(svg: &mut Writer, picture: &Picture<'_>, layout: &LegendLayout) {
    svg.line(format_args!("<g id=\"legend\">"));
    for piece in &layout.pieces {
        match piece {
            Piece::Swatch { rect, colour } => {
                let (at, radius) = (rect.center(), 0.5 * rect.width());
                svg.line(format_args!(
                    "<circle class=\"swatch\" cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"/>",
                    Short(at.x),
                    Short(at.y),
                    Short(radius),
                    Colour(*colour)
                ));
            }
            Piece::Ramp { rect, kind } => ramp(svg, *rect, Ramp::of(*kind, picture.theme)),
            Piece::Text { at, anchor, size, tone, text } => {
                let anchor = match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                };
                svg.line(format_args!(
                    "<text x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"{anchor}\" fill=\"{}\">{}</text>",
                    Short(at.x),
                    Short(at.y),
                    Short(*size),
                    Colour(tone_of(*tone, picture.theme)),
                    escaped(text)
                ));
            }
        }
    }
    svg.line(format_args!("</g>"));
}

fn ramp(svg: &mut Writer, rect: Rect, ramp: &Ramp) {
    let stops: String = (0..=RAMP_STOPS)
        .map(|i| {
            let t = i as f32 / RAMP_STOPS as f32;
            format!("<stop offset=\"{}\" stop-color=\"{}\"/>", Short(t), Colour(ramp.colour(t)))
        })
        .collect();
    svg.line(format_args!("<linearGradient id=\"ramp\">{stops}</linearGradient>"));
    svg.line(format_args!(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"url(#ramp)\"/>",
        Short(rect.left()),
        Short(rect.top()),
        Short(rect.width()),
        Short(rect.height())
    ));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::colour::{MapTheme, pack};
    use super::super::composition::SetLegend;
    use super::super::disc::flags;
    use super::super::labels::MapLabel;
    use super::super::map::Outline;
    use super::super::picture_legend::{LegendColours, LegendEntry, PictureLegend};
    use super::super::ramp::RampKind;
    use super::*;

    const RED: [u8; 3] = [200, 20, 20];
    const BLUE: [u8; 3] = [20, 20, 200];
    const ODD: &str = "R&D <\"ships\">\u{1}";

    fn entries() -> PictureLegend {
        let entry = |colour, title: &str| LegendEntry { colour, title: title.into(), count: "5".into() };
        PictureLegend {
            title: ODD.into(),
            caption: String::new(),
            colour_by: "Cluster".into(),
            colours: LegendColours::Entries(vec![entry(RED, "trains"), entry(BLUE, ODD)]),
        }
    }

    fn drawn(n: usize, chosen: &[usize], legend: &PictureLegend) -> (Svg, String) {
        let place = |i: usize| [(i % 250) as f32, (i / 250) as f32];
        let positions: Arc<Vec<[f32; 2]>> = Arc::new((0..n).map(place).collect());
        let colours: Vec<u32> = (0..n).map(|i| pack(if i % 2 == 0 { RED } else { BLUE })).collect();
        let mut chosen_flags = vec![0u8; n];
        chosen.iter().for_each(|&i| chosen_flags[i] = flags::SELECTED);
        let labels =
            [MapLabel { text: ODD.into(), anchor: place(n / 2), mass: 9.0, code: 0, level: 0, colour: None }];
        let outlines =
            [Outline { line: vec![[0.0, 0.0], [5.0, 5.0], [0.0, 0.0]], colour: RED, opacity: 0.5 }];
        let files = crate::view::fonts::FontFiles::load().unwrap();
        let faces = files.typefaces();
        let picture = Picture {
            positions: &positions,
            colours: &colours,
            flags: &chosen_flags,
            stacks: &[],
            outlines: &outlines,
            labels: &labels,
            theme: &MapTheme::LIGHT,
            camera: None,
            seen: None,
            legend: Some(SetLegend { legend, faces: &faces }),
            transparent: false,
        };
        let about = About { title: ODD, description: "a < b" };
        let svg = draw(&picture, about, (1600, 1200), 2.0, &faces, &Cancel::default()).unwrap();
        let text = svg.text.clone();
        (svg, text)
    }

    fn named<'a>(root: &roxmltree::Node<'a, 'a>, name: &'a str) -> Vec<roxmltree::Node<'a, 'a>> {
        root.descendants().filter(|node| node.has_tag_name(name)).collect()
    }

    #[test]
    fn every_point_is_a_circle_of_its_colour_and_what_is_chosen_has_a_ring() {
        let (svg, text) = drawn(100, &[3, 7], &entries());
        let xml = roxmltree::Document::parse(&text).unwrap();
        let points = xml.descendants().find(|node| node.attribute("id") == Some("points")).unwrap();
        let rings = points.children().filter(|g| g.attribute("class") == Some("ring"));
        assert_eq!(rings.map(|g| named(&g, "circle").len()).sum::<usize>(), 2);
        let plain: Vec<_> =
            points.children().filter(|g| g.has_tag_name("g") && g.attribute("class").is_none()).collect();
        assert_eq!(plain.iter().map(|g| named(g, "circle").len()).sum::<usize>(), 100);
        // Two points are chosen, both odd and so blue; the others step back into one grey.
        let fills: Vec<_> =
            plain.iter().map(|g| (g.attribute("fill").unwrap(), named(g, "circle").len())).collect();
        assert_eq!(fills.len(), 2);
        assert_eq!(fills[1], ("#1414c8", 2));
        assert_eq!((svg.circles, svg.in_pixels), (100, 0));
        let (_, plain) = drawn(100, &[], &entries());
        assert!(plain.contains("fill=\"#c81414\"") && plain.contains("fill=\"#1414c8\""));
    }

    #[test]
    fn texts_come_out_as_they_went_in_but_for_what_xml_does_not_know() {
        let (_, text) = drawn(60, &[], &entries());
        let xml = roxmltree::Document::parse(&text).unwrap();
        let root = xml.root_element();
        assert_eq!(named(&root, "title")[0].text(), Some("R&D <\"ships\">"));
        assert_eq!(named(&root, "desc")[0].text(), Some("a < b"));
        let of = |id: &str| {
            let group = root.children().find(|node| node.attribute("id") == Some(id)).unwrap();
            let texts = named(&group, "text").into_iter().filter(|node| node.attribute("class").is_none());
            let all = |node: roxmltree::Node<'_, '_>| {
                node.descendants().filter(|n| n.is_text()).filter_map(|n| n.text()).collect::<String>()
            };
            texts.map(all).collect::<Vec<_>>()
        };
        assert_eq!(of("names").len(), 1);
        assert!(of("names")[0].starts_with("R&D <\"ships\">"), "{:?}", of("names"));
        let legend = of("legend");
        assert!(
            legend.iter().any(|text| text == "trains")
                && legend.iter().any(|text| text == "R&D <\"ships\"> "),
            "{legend:?}"
        );
    }

    #[test]
    fn more_points_than_a_browser_likes_are_pixels_under_text_that_is_text() {
        let (svg, text) = drawn(MOST_CIRCLES + 1, &[], &entries());
        assert_eq!((svg.circles, svg.in_pixels), (0, MOST_CIRCLES + 1));
        let options = roxmltree::ParsingOptions::default();
        let xml = roxmltree::Document::parse_with_options(&text, options).unwrap();
        let root = xml.root_element();
        let images = named(&root, "image");
        assert_eq!(images.len(), 1);
        let address = images[0].attribute(("http://www.w3.org/1999/xlink", "href")).unwrap();
        let png = STANDARD.decode(address.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        assert!(reader.info().width > 1000);
        assert!(named(&root, "text").len() > 2);
    }

    #[test]
    fn a_ramp_is_a_gradient_between_its_two_values() {
        let colours = LegendColours::Ramp {
            kind: RampKind::Sequential,
            low: "1990".into(),
            high: "2024".into(),
            grey: Some("Grey: 3 documents without a value".into()),
        };
        let (_, text) = drawn(10, &[], &PictureLegend { colours, ..entries() });
        let xml = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(named(&xml.root_element(), "linearGradient").len(), 1);
        for said in [">1990<", ">2024<", ">Grey: 3 documents"] {
            assert!(text.contains(said), "{said}");
        }
    }
}
