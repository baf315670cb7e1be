//! Columns that the function on AWS validates values against.

/// Returns the value of `SINK_COLUMNS` in `template.yaml`, or an empty string if it is not set there.
pub fn template() -> String {
    const TEMPLATE: &str = include_str!("../../template.yaml");
    let value = TEMPLATE.split_once("SINK_COLUMNS: \"").and_then(|(_, rest)| rest.split_once('"'));
    value.map_or_else(String::new, |(columns, _)| columns.split("\\\n").map(str::trim).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn template_columns_are_found() {
        let columns = super::template();
        assert!(columns.starts_with("symbol:string,") && columns.ends_with(",close_usd:double"), "{columns}");
        assert!(columns.parse::<lake_format::columns::Columns>().is_ok_and(|columns| !columns.is_empty()));
    }
}
