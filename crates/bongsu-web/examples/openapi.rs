//! Prints the OpenAPI document: `cargo run -p bongsu-web --example openapi > openapi/bongsu.json`

#[expect(clippy::print_stdout, reason = "a command's output")]
fn main() {
    print!("{}", bongsu_web::openapi_json());
}
