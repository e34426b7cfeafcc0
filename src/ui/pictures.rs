//! Small pictures on the welcome page, decoded off the window's thread.

use egui::{ColorImage, Context, TextureHandle, TextureOptions};

use crate::session::Wake;

use crate::job::derived::Derived;

/// A larger picture is no thumbnail.
const LARGEST: usize = 4096;

/// One picture on its way from a file to the screen.
pub struct Picture {
    decoded: Derived<String, Option<ColorImage>>,
    /// What is shown now; none where the file of that name holds no picture.
    shown: Option<(String, Option<TextureHandle>)>,
}

impl Default for Picture {
    fn default() -> Self {
        Self { decoded: Derived::new("picture"), shown: None }
    }
}

impl Picture {
    /// The picture called `name`, which `load` reads on a worker; the one before it until it is there, `None` for good
    /// where there is none.
    pub fn texture(
        &mut self,
        name: &str,
        load: impl FnOnce() -> Option<ColorImage> + Send + 'static,
        ctx: &Context,
        wake: &Wake,
    ) -> Option<&TextureHandle> {
        if self.shown.as_ref().is_none_or(|(of, _)| of != name) {
            let name = name.to_owned();
            let ready = self.decoded.want(name.clone(), wake, move |_| load());
            if ready && let Some(image) = self.decoded.of(&name).map(|image| (**image).clone()) {
                let texture = image.map(|image| ctx.load_texture(&name, image, TextureOptions::LINEAR));
                self.decoded.clear();
                self.shown = Some((name, texture));
            }
        }
        self.shown.as_ref().and_then(|(_, texture)| texture.as_ref())
    }
}

/// Reads a PNG file; `None` for anything else.
pub fn decode(png: &[u8]) -> Option<ColorImage> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().ok()?;
    let mut bytes = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut bytes).ok()?;
    let size = [info.width as usize, info.height as usize];
    if size.iter().any(|&side| side == 0 || side > LARGEST) {
        return None;
    }
    let bytes = &bytes[..info.buffer_size()];
    match info.color_type {
        png::ColorType::Rgba => Some(ColorImage::from_rgba_unmultiplied(size, bytes)),
        png::ColorType::GrayscaleAlpha => {
            let rgba: Vec<u8> =
                bytes.as_chunks::<2>().0.iter().flat_map(|&[grey, a]| [grey, grey, grey, a]).collect();
            Some(ColorImage::from_rgba_unmultiplied(size, &rgba))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(colour: png::ColorType, pixels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(colour);
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        bytes
    }

    #[test]
    fn pictures_of_every_kind_are_read() {
        let rgb = decode(&encoded(png::ColorType::Rgb, &[1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(rgb.pixels[1], egui::Color32::from_rgb(4, 5, 6));
        let grey = decode(&encoded(png::ColorType::Grayscale, &[7, 8])).unwrap();
        assert_eq!(grey.pixels[0], egui::Color32::from_gray(7));
    }

    #[test]
    fn something_else_is_no_picture() {
        assert_eq!(decode(b"GIF89a"), None);
    }
}
