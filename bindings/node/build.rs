//! Lets the linker leave the symbols open that Node itself has.

fn main() {
    napi_build::setup();
}
