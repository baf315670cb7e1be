//! The symbol that a file's name gives, for files of one symbol.

use super::titles::is_ticker;
use super::words::is_word;

/// Suffixes of exchanges that Stooq's files have, in lower case.
const EXCHANGES: [&str; 7] = ["us", "uk", "jp", "de", "hk", "pl", "hu"];

/// Returns the file's name without folder and extensions.
pub(crate) fn stem(file_name: &str) -> &str {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let mut stem = name;
    for extension in [".gz", ".zip", ".csv", ".txt", ".tsv", ".tab", ".dat"] {
        let cut = stem.len().checked_sub(extension.len()).filter(|&cut| cut > 0 && stem.is_char_boundary(cut));
        if let Some(cut) = cut.filter(|&cut| stem[cut..].eq_ignore_ascii_case(extension)) {
            stem = &stem[..cut];
        }
    }
    stem
}

/// Returns the symbol that a file's name gives without doubt: a ticker alone, as in `BRK-B.csv`, or followed by the length
/// of the bars and a period, as in `BTCUSDT-1m-2024-01.csv` and `AAPL_daily.csv`.
pub(crate) fn symbol_of_file(file_name: &str) -> Option<String> {
    let stem = stem(file_name);
    if let Some((symbol, exchange)) = stem.rsplit_once('.')
        && EXCHANGES.contains(&exchange)
        && is_ticker(&symbol.to_ascii_uppercase())
    {
        return Some(stem.to_ascii_uppercase());
    }
    // A browser numbers downloads of the same name.
    let stem = stem.rfind(" (").filter(|_| stem.ends_with(')')).map_or(stem, |cut| &stem[..cut]);
    let parts: Vec<&str> = stem.split(['_', '-', ' ']).collect();
    let is_symbol =
        |name: &str| is_ticker(name) && !ends_in_minutes(name) && !name.split(['-', '.']).next().is_some_and(is_word);
    match parts.as_slice() {
        [symbol, rest @ ..] if rest.iter().all(|part| is_decoration(part)) => {
            Some((*symbol).to_owned()).filter(|symbol| is_symbol(symbol))
        }
        // `BRK-B`, `BTC-USD`
        [_, class] if stem.contains('-') && class.len() <= 4 => Some(stem.to_owned()).filter(|name| is_symbol(name)),
        _ => None,
    }
}

/// Returns `true` for a symbol that may end in the minutes of its bars, as `MetaTrader` 4 names its files: `EURUSD60`, but
/// not `DAX30`.
fn ends_in_minutes(name: &str) -> bool {
    let letters = name.bytes().take_while(u8::is_ascii_uppercase).count();
    let is_pair = letters == 6 && matches!(&name[letters..], "1" | "5" | "15" | "30");
    is_pair || (letters >= 2 && ["60", "240", "1440", "10080", "43200"].iter().any(|minutes| name.ends_with(minutes)))
}

/// Returns `true` for the length of bars (`1m`, `5min`, `H1`, `D`, `daily`) and for parts of a date.
fn is_decoration(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_unit = |unit: &str| {
        matches!(
            unit,
            "s" | "sec"
                | "m"
                | "min"
                | "mins"
                | "minute"
                | "h"
                | "hour"
                | "d"
                | "day"
                | "w"
                | "wk"
                | "mo"
                | "mn"
                | "y"
                | "yr"
        )
    };
    let is_word = matches!(
        lower.as_str(),
        "d" | "w"
            | "daily"
            | "weekly"
            | "monthly"
            | "hourly"
            | "minute"
            | "intraday"
            | "max"
            | "ohlc"
            | "ohlcv"
            | "bid"
            | "ask"
            | "history"
            | "historical"
            | "data"
    );
    let before = lower.bytes().take_while(u8::is_ascii_digit).count();
    let after = lower.bytes().take_while(u8::is_ascii_alphabetic).count();
    is_word
        || (is_number(&lower) && matches!(lower.len(), 2 | 4 | 8))
        || ((1..=3).contains(&before) && is_unit(&lower[before..]))
        || (after > 0 && is_unit(&lower[..after]) && is_number(&lower[after..]) && lower.len() - after <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticker_is_the_symbol() {
        for (name, symbol) in [
            ("AAPL.csv", "AAPL"),
            ("data/^GSPC.csv", "^GSPC"),
            ("BRK-B.csv", "BRK-B"),
            ("BTC-USD.csv.gz", "BTC-USD"),
            ("000001.SZ.csv", "000001.SZ"),
            ("EURUSD=X.txt", "EURUSD=X"),
            ("aapl.us.txt", "AAPL.US"),
            ("AAPL_daily.csv", "AAPL"),
            ("BTCUSDT-1m-2024-01.csv", "BTCUSDT"),
            ("MSFT (1).csv", "MSFT"),
            ("EURUSD_H1.csv", "EURUSD"),
            ("EURUSD_M15.csv", "EURUSD"),
            ("EURUSD_D.csv", "EURUSD"),
            ("AAPL_DAILY.csv", "AAPL"),
            ("DAX30.csv", "DAX30"),
        ] {
            assert_eq!(symbol_of_file(name).as_deref(), Some(symbol), "{name}");
        }
    }

    #[test]
    fn other_names_give_none() {
        for name in [
            "data.csv",
            "PRICES.csv",
            "apple.csv",
            "HistoricalData_1701.csv",
            "stock_prices.csv",
            "STOCK_DATA.csv",
            "2024-01-02.csv",
            "my AAPL file.csv",
            "DAILY-DATA.csv",
            "A B C.csv",
            ".csv",
            "",
        ] {
            assert_eq!(symbol_of_file(name), None, "{name}");
        }
    }
}
