//! Figures of one width. egui shapes text without OpenType features, so the font's own tabular figures
//! (feature `tnum`) are put in place of its proportional ones where characters are mapped to glyphs. Its glyphs
//! in the private area go, because icons have their places there.

use skrifa::raw::tables::gsub::{SingleSubst, SubstitutionSubtables};
use skrifa::raw::{FontRef, ReadError, TableProvider};
use skrifa::{GlyphId, MetadataProvider, Tag};

/// Of `cmap` format 12: header, and one group a run of characters.
const SUBTABLE_HEADER: usize = 16;
const GROUP: usize = 12;
/// Of `cmap` itself with one encoding record.
const CMAP_HEADER: usize = 12;
/// The private area of Unicode's first plane.
const PRIVATE: std::ops::RangeInclusive<u32> = 0xE000..=0xF8FF;
/// The table directory starts after the font's header, with 16 bytes a table.
const DIRECTORY: usize = 12;
const RECORD: usize = 16;

/// `font` with its tabular figures as the only ones, and nothing in the private area; `None` where it has none or cannot be read.
pub fn with_tabular_figures(font: &[u8]) -> Option<Vec<u8>> {
    let parsed = FontRef::new(font).ok()?;
    let mut mappings: Vec<(u32, u32)> = parsed
        .charmap()
        .mappings()
        .map(|(c, glyph)| (c, glyph.to_u32()))
        .filter(|(c, _)| !PRIVATE.contains(c))
        .collect();
    mappings.sort_unstable();
    let mut replaced = 0;
    for (character, glyph) in &mut mappings {
        if (u32::from('0')..=u32::from('9')).contains(character)
            && let Some(tabular) = tabular(&parsed, GlyphId::new(*glyph)).ok().flatten()
        {
            *glyph = tabular.to_u32();
            replaced += 1;
        }
    }
    (replaced > 0).then(|| with_cmap(font, &cmap(&mappings)))?
}

/// What `tnum` puts in the place of `glyph`.
fn tabular(font: &FontRef<'_>, glyph: GlyphId) -> Result<Option<GlyphId>, ReadError> {
    let gsub = font.gsub()?;
    let (features, lookups) = (gsub.feature_list()?, gsub.lookup_list()?);
    let tnum = features.feature_records().iter().filter(|record| record.feature_tag() == Tag::new(b"tnum"));
    for record in tnum {
        for index in record.feature(features.offset_data())?.lookup_list_indices() {
            let SubstitutionSubtables::Single(subtables) =
                lookups.lookups().get(usize::from(index.get()))?.subtables()?
            else {
                continue;
            };
            for subtable in subtables.iter() {
                let replacement = match subtable? {
                    SingleSubst::Format1(table) => table.coverage()?.get(glyph).map(|_| {
                        let moved = glyph.to_u32() as i32 + i32::from(table.delta_glyph_id());
                        GlyphId::new(moved as u32 & 0xFFFF)
                    }),
                    SingleSubst::Format2(table) => table
                        .coverage()?
                        .get(glyph)
                        .and_then(|at| table.substitute_glyph_ids().get(usize::from(at)))
                        .map(|id| id.get().into()),
                };
                if replacement.is_some() {
                    return Ok(replacement);
                }
            }
        }
    }
    Ok(None)
}

/// A `cmap` table (format 12) of sorted pairs of character and glyph.
fn cmap(mappings: &[(u32, u32)]) -> Vec<u8> {
    let mut groups: Vec<[u32; 3]> = Vec::new();
    for &(character, glyph) in mappings {
        match groups.last_mut() {
            Some([first, last, start])
                if *last + 1 == character && *start + (character - *first) == glyph =>
            {
                *last = character;
            }
            _ => groups.push([character, character, glyph]),
        }
    }
    let length = (SUBTABLE_HEADER + GROUP * groups.len()) as u32;
    let mut table = Vec::with_capacity(CMAP_HEADER + length as usize);
    // Version 0, one record: platform 3 (Windows), encoding 10 (all of Unicode).
    [0u16, 1, 3, 10].iter().for_each(|v| table.extend(v.to_be_bytes()));
    table.extend((CMAP_HEADER as u32).to_be_bytes());
    [12u16, 0].iter().for_each(|v| table.extend(v.to_be_bytes()));
    [length, 0, groups.len() as u32].iter().for_each(|v| table.extend(v.to_be_bytes()));
    groups.iter().flatten().for_each(|v| table.extend(v.to_be_bytes()));
    table
}

/// `font` with `cmap` appended and its directory pointing there.
fn with_cmap(font: &[u8], cmap: &[u8]) -> Option<Vec<u8>> {
    let tables = usize::from(u16::from_be_bytes(font.get(4..6)?.try_into().ok()?));
    let record =
        (0..tables).map(|i| DIRECTORY + i * RECORD).find(|&at| font.get(at..at + 4) == Some(b"cmap"))?;
    let mut patched = font.to_vec();
    // Tables begin at multiples of four bytes.
    patched.resize(font.len().next_multiple_of(4), 0);
    let offset = u32::try_from(patched.len()).ok()?;
    patched.get_mut(record + 8..record + 12)?.copy_from_slice(&offset.to_be_bytes());
    patched.get_mut(record + 12..record + 16)?.copy_from_slice(&(cmap.len() as u32).to_be_bytes());
    patched.extend_from_slice(cmap);
    Some(patched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use skrifa::instance::{LocationRef, Size};

    fn inter() -> Vec<u8> {
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fonts/Inter-Regular.ttf")).unwrap()
    }

    fn width(font: &[u8], c: char) -> f32 {
        let font = FontRef::new(font).unwrap();
        let glyph = font.charmap().map(c).unwrap();
        font.glyph_metrics(Size::new(100.0), LocationRef::default()).advance_width(glyph).unwrap()
    }

    #[test]
    fn every_figure_has_the_same_width() {
        let original = inter();
        assert_ne!(width(&original, '1'), width(&original, '8'), "the font's own figures are proportional");
        let patched = with_tabular_figures(&original).unwrap();
        let widths: Vec<f32> = ('0'..='9').map(|c| width(&patched, c)).collect();
        assert!(widths.iter().all(|w| *w == widths[0]), "{widths:?}");
    }

    #[test]
    fn all_other_characters_stay_as_they_were_but_private_ones() {
        let original = inter();
        let patched = with_tabular_figures(&original).unwrap();
        let (before, after) = (FontRef::new(&original).unwrap(), FontRef::new(&patched).unwrap());
        for (character, glyph) in before.charmap().mappings() {
            if PRIVATE.contains(&character) {
                assert_eq!(after.charmap().map(character), None);
            } else if !(u32::from('0')..=u32::from('9')).contains(&character) {
                assert_eq!(after.charmap().map(character), Some(glyph));
            }
        }
    }

    #[test]
    fn something_that_is_no_font_is_left_alone() {
        assert_eq!(with_tabular_figures(b"not a font"), None);
    }
}
