//! Gives the Windows program its icon. Prepared from the documentation; untested on Windows.

fn main() {
    println!("cargo:rerun-if-changed=assets/icons/semascope.ico");
    #[cfg(windows)]
    if let Err(error) = winresource::WindowsResource::new().set_icon("assets/icons/semascope.ico").compile() {
        println!("cargo:warning=the program gets no icon: {error}");
    }
}
