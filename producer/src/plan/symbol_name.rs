//! Finds the symbol in the name of a file that contains a single symbol.

use super::titles::is_ticker;
use super::words::is_word;

/// Exchange suffixes in the names of Stooq's files, in lower case.
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

/// Returns the symbol if a file's name contains it unambiguously: a ticker alone, as in `BRK-B.csv`; a ticker followed
/// by the length of the bars, a date or a word such as `history`, as in `BTCUSDT-1m-2024-01.csv` and `AAPL_daily.csv`;
/// or the naming scheme of a known source, as in `daily_IBM.csv`. Returns `None` for other names.
pub(crate) fn symbol_of_file(file_name: &str) -> Option<String> {
    let stem = stem(file_name);
    if let Some((symbol, exchange)) = stem.rsplit_once('.')
        && EXCHANGES.contains(&exchange)
        && is_ticker(&symbol.to_ascii_uppercase())
    {
        return Some(stem.to_ascii_uppercase());
    }
    // NinjaTrader: `EURUSD.Last`
    let stem = [".Last", ".Bid", ".Ask"].iter().find_map(|price| stem.strip_suffix(price)).unwrap_or(stem);
    // A browser adds a number to repeated downloads, as in `MSFT (1).csv`.
    let stem = stem.rfind(" (").filter(|_| stem.ends_with(')')).map_or(stem, |cut| &stem[..cut]);
    let is_symbol =
        |name: &str| is_ticker(name) && !ends_in_minutes(name) && !name.split(['-', '.']).next().is_some_and(is_word);
    // TradingView: `NASDAQ_AAPL, 1D`
    if let Some((symbol, length)) = stem.split_once(", ") {
        let symbol = symbol.split_once('_').map_or(symbol, |(_, symbol)| symbol);
        return Some(symbol.to_owned()).filter(|symbol| is_symbol(symbol) && is_interval(length));
    }
    let parts: Vec<&str> = stem.split(['_', '-', ' ']).collect();
    match parts.as_slice() {
        // LOBSTER: `AMZN_2012-06-21_34200000_57600000_message_1`
        [symbol, .., "message", _] => Some((*symbol).to_owned()).filter(|symbol| is_symbol(symbol)),
        // HistData: `DAT_ASCII_EURUSD_M1_202401`. Alpha Vantage: `daily_AAPL`, `intraday_5min_AAPL`.
        ["DAT", _, symbol, _, _] | ["daily" | "weekly" | "monthly", symbol] | ["intraday", _, symbol] => {
            Some((*symbol).to_owned()).filter(|symbol| is_symbol(symbol))
        }
        // Stooq: `aapl_us_d`
        [symbol, exchange, "d" | "w" | "m"] if EXCHANGES.contains(exchange) => {
            Some(format!("{symbol}.{exchange}").to_ascii_uppercase()).filter(|symbol| is_symbol(symbol))
        }
        [symbol, rest @ ..] if rest.iter().all(|part| is_decoration(part)) => {
            Some((*symbol).to_owned()).filter(|symbol| is_symbol(symbol))
        }
        // `BRK-B`, `BTC-USD`
        [_, class] if stem.contains('-') && class.len() <= 4 => Some(stem.to_owned()).filter(|name| is_symbol(name)),
        _ => None,
    }
}

/// Returns `true` for the length of `TradingView`'s bars: minutes, or a number and a unit, as in `60`, `1D`, `4h`.
fn is_interval(text: &str) -> bool {
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    unit.len() < text.len() && matches!(unit, "" | "S" | "m" | "h" | "D" | "W" | "M")
}

/// Returns `true` for a name that may end with the length of the bars in minutes, as `MetaTrader` 4 names files:
/// `EURUSD60`, but not `DAX30`.
fn ends_in_minutes(name: &str) -> bool {
    let letters = name.bytes().take_while(u8::is_ascii_uppercase).count();
    let is_pair = letters == 6 && matches!(&name[letters..], "1" | "5" | "15" | "30");
    let ends_in = |minutes: &str| name.strip_suffix(minutes).is_some_and(|symbol| !symbol.is_empty());
    is_pair || ["60", "240", "1440", "10080", "43200"].into_iter().any(ends_in)
}

/// Returns `true` for the length of bars (`1m`, `5min`, `H1`, `D`, `daily`), for parts of a date, and for words such as
/// `history`.
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
            | "message"
            | "trades"
            | "aggtrades"
    );
    let before = lower.bytes().take_while(u8::is_ascii_digit).count();
    let after = lower.bytes().take_while(u8::is_ascii_alphabetic).count();
    is_word
        || (is_number(&lower) && matches!(lower.len(), 2 | 4 | 6 | 8 | 12))
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
            ("EURUSD_H1_202401020300_202401020500.csv", "EURUSD"),
            ("DAT_ASCII_EURUSD_M1_202401.csv", "EURUSD"),
            ("daily_IBM.csv", "IBM"),
            ("intraday_5min_IBM.csv", "IBM"),
            ("aapl_us_d.csv", "AAPL.US"),
            ("NASDAQ_AAPL, 1D.csv", "AAPL"),
            ("BINANCE_BTCUSDT, 60.csv", "BTCUSDT"),
            ("AMZN_2012-06-21_34200000_57600000_message_10.csv", "AMZN"),
            ("AMZN_2012-06-21_34200000_57600000_message_1.csv", "AMZN"),
            ("EURUSD.Last.csv", "EURUSD"),
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
