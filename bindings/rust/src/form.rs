//! Forms as arguments of handlers.
//!
//! The engine has decoded, converted and judged a form by then; here it only changes shape.

use std::ops::Deref;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::extract::{Call, Extract, Json};
use crate::failure::Failure;
use crate::needs::Needs;

/// The fields of a form (`application/x-www-form-urlencoded`) as an argument.
///
/// Texts become what the schema of `T` asks: `age=42` is a number where the field is one, repeated
/// names and brackets (`tags[]=a`, `user[name]=b`) are lists and structs. What does not fit is a
/// 422 with a row for every field. `Option<Form<T>>` makes the form optional.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use spikard::{App, Form, TestClient};
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Order {
///     item: String,
///     count: u32,
/// }
///
/// let mut app = App::new();
/// app.post("/orders", |order: Form<Order>| format!("{} x {}", order.count, order.item));
/// let client = TestClient::new(app)?;
/// let reply = client.post("/orders").form(&[("item", "pen & ink"), ("count", "2")]).send();
/// assert_eq!(reply.text(), "2 x pen & ink");
/// # Ok::<(), spikard::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Form<T>(pub T);

impl<T> Deref for Form<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Extract for Form<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        // The engine hands a form over as one JSON object.
        Json::extract(call).map(|Json(fields)| Self(fields))
    }

    fn declare(needs: &mut Needs<'_>) {
        needs.form::<T>(true);
    }
}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Extract for Option<Form<T>> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let read = Option::<Json<T>>::extract(call)?;
        Ok(read.map(|Json(fields)| Form(fields)))
    }

    fn declare(needs: &mut Needs<'_>) {
        needs.form::<T>(false);
    }
}
