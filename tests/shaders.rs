//! Every shader is valid WGSL, wherever a graphics adapter may be.

use std::collections::BTreeSet;
use std::path::Path;

use semascope::gpu::wgsl;
use wgpu::naga::front::wgsl as front;
use wgpu::naga::valid::{Capabilities, ValidationFlags, Validator};

fn files(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("shaders/ can be listed") {
        let path = entry.expect("shaders/ can be listed").path();
        if path.is_dir() {
            files(&path, root, found);
        } else {
            let name = path.strip_prefix(root).expect("it lies in shaders/");
            found.insert(name.to_string_lossy().replace('\\', "/"));
        }
    }
}

#[test]
fn the_app_knows_every_file_of_the_shaders() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut found = BTreeSet::new();
    files(&root, &root, &mut found);
    assert_eq!(found, wgsl::files().map(str::to_owned).collect());
}

#[test]
fn every_shader_is_valid() {
    for path in wgsl::files().filter(|path| !path.starts_with("lib/")) {
        let source = wgsl::source(path.trim_end_matches(".wgsl"));
        let module = front::parse_str(&source)
            .unwrap_or_else(|error| panic!("{path}: {}", error.emit_to_string(&source)));
        // No optional capability: the shaders must run on any adapter.
        Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .unwrap_or_else(|error| panic!("{path}: {}", error.emit_to_string(&source)));
    }
}

#[test]
fn no_shader_asks_for_more_than_webgpu_promises() {
    for path in wgsl::files().filter(|path| !path.starts_with("lib/")) {
        let source = wgsl::source(path.trim_end_matches(".wgsl"));
        let module = front::parse_str(&source).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut layouter = wgpu::naga::proc::Layouter::default();
        layouter.update(module.to_ctx()).expect("its types have sizes");
        let shared: u32 = module
            .global_variables
            .iter()
            .filter(|(_, variable)| variable.space == wgpu::naga::AddressSpace::WorkGroup)
            .map(|(_, variable)| layouter[variable.ty].size)
            .sum();
        assert!(shared <= 16_384, "{path} shares {shared} bytes in a workgroup");
        for entry in module.entry_points.iter().filter(|entry| entry.workgroup_size != [0; 3]) {
            let invocations: u32 = entry.workgroup_size.iter().product();
            assert!(invocations <= 256, "{path}: {} has {invocations} invocations a workgroup", entry.name);
        }
    }
}
