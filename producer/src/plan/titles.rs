//! Determines the meaning of column titles.

use std::fmt;

use super::words::is_word;

/// The part of a quote that a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Symbol,
    /// The date, perhaps with a time.
    Date,
    /// The time of day.
    Time,
    /// The first price.
    Open,
    /// The highest price.
    High,
    /// The lowest price.
    Low,
    /// The last price.
    Close,
    /// The close, adjusted for splits and dividends.
    AdjClose,
    /// The traded volume.
    Volume,
    /// The best price that a buyer offers.
    Bid,
    /// The best price that a seller asks for.
    Ask,
    /// The part of a quote's identity that distinguishes instruments with the same symbol.
    Series,
}

impl Role {
    /// Roles whose cells are numbers.
    pub(crate) const NUMBERS: [Role; 8] =
        [Role::Open, Role::High, Role::Low, Role::Close, Role::AdjClose, Role::Volume, Role::Bid, Role::Ask];

    /// Returns the name of the role's field.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Role::Symbol => "symbol",
            Role::Date => "trade_date",
            Role::Time => "time",
            Role::Open => "open",
            Role::High => "high",
            Role::Low => "low",
            Role::Close => "close",
            Role::AdjClose => "adj_close",
            Role::Volume => "volume",
            Role::Bid => "bid",
            Role::Ask => "ask",
            Role::Series => "series",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.field())
    }
}

/// Returns `true` for the name of a field that holds prices or volume.
pub(crate) fn is_price_field(name: &str) -> bool {
    Role::NUMBERS.iter().any(|role| role.field() == name)
}

/// Titles of each role, in lower case and without blanks and punctuation, the strongest first.
const TITLES: [(Role, &[&str]); 12] = [
    (
        Role::Symbol,
        &[
            "symbol",
            "ticker",
            "tickersymbol",
            "stocksymbol",
            "tscode",
            "ric",
            "instrument",
            "stockname",
            "stock",
            "stockcode",
            "stockticker",
            "scrip",
            "scripname",
            "contract",
            "pair",
            "currencypair",
            "tradingsymbol",
            "code",
            "name",
            "companyname",
            "company",
            "asset",
            "coin",
            "index",
            "indexname",
            "tckrsymb",
            "finsymbol",
            "股票代码",
            "证券代码",
            "代码",
            "品种代码",
            "コード",
            "銘柄コード",
            "종목코드",
            "종목",
            "kürzel",
            "valeur",
        ],
    ),
    (
        Role::Date,
        &[
            "tradedate",
            "date",
            "datetime",
            "dateandtime",
            "datetimeutc",
            "tradingdate",
            "quotedate",
            "pricedate",
            "observationdate",
            "asofdate",
            "date1",
            "day",
            "dtyyyymmdd",
            "timestamp",
            "timestamputc",
            "tradedat",
            "gmttime",
            "utctime",
            "localtime",
            "opentime",
            "windowstart",
            "time",
            "timeutc",
            "bartime",
            "tradetime",
            "ts",
            "t",
            "unix",
            "unixtime",
            "unixtimestamp",
            "epoch",
            "period",
            "timestampms",
            "traddt",
            "bizdt",
            "日期",
            "交易日期",
            "时间",
            "日付",
            "日時",
            "일자",
            "날짜",
            "datum",
            "dateheure",
            "fecha",
            "data",
            "datumuhrzeit",
        ],
    ),
    (
        Role::Time,
        &[
            "time",
            "tradetime",
            "timeofday",
            "quotetime",
            "hour",
            "timestamp",
            "zeit",
            "uhrzeit",
            "heure",
            "hora",
            "时刻",
            "時刻",
        ],
    ),
    (
        Role::Open,
        &[
            "open",
            "openprice",
            "openingprice",
            "priceopen",
            "firstprice",
            "o",
            "opnpric",
            "开盘",
            "开盘价",
            "始値",
            "시가",
            "eröffnung",
            "eröffnungskurs",
            "erster",
            "eröffn",
            "ouv",
            "ouverture",
            "apertura",
            "abertura",
            "openingspx",
        ],
    ),
    (
        Role::High,
        &[
            "high",
            "highprice",
            "highestprice",
            "pricehigh",
            "dayhigh",
            "max",
            "h",
            "hghpric",
            "最高",
            "最高价",
            "高値",
            "고가",
            "hoch",
            "tageshoch",
            "hoog",
            "massimo",
            "máxima",
            "höchst",
            "plushaut",
            "haut",
            "máximo",
            "maximo",
            "alto",
        ],
    ),
    (
        Role::Low,
        &[
            "low",
            "lowprice",
            "lowestprice",
            "pricelow",
            "daylow",
            "min",
            "l",
            "lwpric",
            "最低",
            "最低价",
            "安値",
            "저가",
            "tief",
            "tagestief",
            "laag",
            "mínima",
            "tiefst",
            "plusbas",
            "bas",
            "mínimo",
            "minimo",
            "bajo",
        ],
    ),
    (
        Role::Close,
        &[
            "close",
            "closelast",
            "closeprice",
            "closingprice",
            "priceclose",
            "closeclosepriceadjustedforsplits",
            "c",
            "last",
            "lastprice",
            "ltp",
            "price",
            "tradeprice",
            "clspric",
            "收盘",
            "收盘价",
            "終値",
            "종가",
            "schluss",
            "schlusskurs",
            "clôture",
            "cloture",
            "cierre",
            "fechamento",
            "lastpric",
            "latest",
            "dernier",
            "zuletzt",
            "laatste",
            "último",
            "ultimo",
        ],
    ),
    (
        Role::AdjClose,
        &[
            "adjclose",
            "adjustedclose",
            "adjustedclosingprice",
            "adjcloseprice",
            "adjcloseadjustedclosepriceadjustedforsplitsanddividendandorcapitalgaindistributions",
            "closeadj",
            "adjusted",
            "adj",
            "調整後終値",
            "后复权收盘价",
        ],
    ),
    (
        Role::Volume,
        &[
            "volume",
            "vol",
            "tradedvolume",
            "totalvolume",
            "numberofshares",
            "sharevolume",
            "totaltradedquantity",
            "tottrdqty",
            "totaltradedvolume",
            "sharestraded",
            "noofshares",
            "tradedquantity",
            "quantity",
            "qty",
            "lastsize",
            "tradesize",
            "size",
            "v",
            "ttltradgvol",
            "ttltrdqnty",
            "成交量",
            "出来高",
            "거래량",
            "stück",
            "stücke",
            "stuecke",
            "stueck",
            "volumen",
            "volumes",
        ],
    ),
    (Role::Series, &["series", "sctysrs"]),
    (Role::Bid, &["bid", "bidprice", "bestbid", "bidpx"]),
    (Role::Ask, &["ask", "askprice", "bestask", "askpx", "offer"]),
];

/// Returns the letters and digits of a title, in lower case. A leading number with a point, as in `1. open`, is left
/// out.
pub(super) fn key(title: &str) -> String {
    let title = title.trim_start();
    let named = title.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let title = if named.starts_with('.') { named } else { title };
    title.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns `true` for a title, such as `name` or `company`, that may head a column of symbols or a column of names.
pub(super) fn is_name(title: &str) -> bool {
    ["name", "company", "companyname", "stockname", "scripname", "indexname", "asset", "coin"]
        .contains(&key(title).as_str())
}

/// Minimum rank of titles that name a role together with a currency, such as `Close (USD)`.
pub(super) const WITH_CURRENCY: usize = 1_000;

/// Returns how strongly a title names a role: 0 is the strongest, and `None` means that the title does not name the
/// role.
pub(super) fn rank(title: &str, role: Role) -> Option<usize> {
    let (_, titles) = TITLES.iter().find(|(of, _)| *of == role)?;
    let position = |title: &str| {
        let key = key(title);
        titles.iter().position(|name| *name == key)
    };
    let has_currency = [Role::Open, Role::High, Role::Low, Role::Close, Role::AdjClose].contains(&role);
    position(title)
        .or_else(|| without_currency(title).filter(|_| has_currency).and_then(position).map(|at| at + WITH_CURRENCY))
}

/// Returns a title without the currency at its end, as in `Close (USD)`, `close_eur` and `Close $`, or `None` if it
/// does not end with a currency.
fn without_currency(title: &str) -> Option<&str> {
    const CURRENCIES: [&str; 16] =
        ["USD", "EUR", "GBP", "GBX", "JPY", "INR", "CNY", "CHF", "CAD", "AUD", "HKD", "KRW", "$", "€", "£", "¥"];
    let title = title.trim_end().trim_end_matches([')', ']']);
    let at = title.rfind([' ', '_', '(', '[', '/'])?;
    let (rest, currency) = (&title[..at], &title[at + 1..]);
    CURRENCIES.iter().any(|name| name.eq_ignore_ascii_case(currency)).then_some(rest)
}

/// Returns the price or volume role that a title names. Returns `None` for a single letter, which can be a symbol.
pub(super) fn price_role(title: &str) -> Option<Role> {
    [Role::Open, Role::High, Role::Low, Role::AdjClose, Role::Close, Role::Volume]
        .into_iter()
        .find(|role| rank(title, *role).is_some() && key(title).len() > 1)
}

/// Returns `true` if the first part of a title is a known word, or if any part names a price, alone or after a known
/// word: `BID.OPEN` and `BIDOPEN`, but not `BTC-USD`.
pub(super) fn has_word(title: &str) -> bool {
    let is_joint = |part: &str| {
        let halves = part.char_indices().map(|(at, _)| part.split_at(at));
        halves.into_iter().any(|(word, price)| is_word(word) && price_role(price).is_some())
    };
    let mut parts = title.split(|letter: char| !letter.is_alphanumeric()).peekable();
    parts.peek().is_some_and(|first| is_word(first)) || parts.any(|part| price_role(part).is_some() || is_joint(part))
}

/// Splits a title that names a symbol and a price, such as `AAPL.Open`, `Close_AAPL` or `('Close', 'AAPL')`. Returns
/// `None` for other titles.
pub(super) fn symbol_and_role(title: &str) -> Option<(String, Role)> {
    let bare = title.trim().trim_matches(|letter| matches!(letter, '(' | ')'));
    let is_tuple = bare.len() + 2 == title.trim().len();
    let unquoted = |part: &str| part.trim().trim_matches(|letter| matches!(letter, '\'' | '"')).to_owned();
    let separators: &[char] = if is_tuple { &[','] } else { &['.', '_', ' ', ':'] };
    let mut splits = bare.char_indices().filter(|(_, letter)| separators.contains(letter));
    splits.find_map(|(at, separator)| {
        let (left, right) = (unquoted(&bare[..at]), unquoted(&bare[at + separator.len_utf8()..]));
        let named = |symbol: &str, title: &str| {
            price_role(title)
                .filter(|_| is_ticker(symbol) && !is_word(symbol) && price_role(symbol).is_none())
                .map(|role| (symbol.to_owned(), role))
        };
        named(&left, &right).or_else(|| named(&right, &left))
    })
}

/// Returns `true` for text that looks like a ticker: up to 15 capitals, digits and punctuation marks that occur in
/// tickers, at least one of them a capital.
pub(super) fn is_ticker(text: &str) -> bool {
    let letters = text.bytes().filter(u8::is_ascii_alphanumeric).count();
    let is_valid = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"^.=-/&_:!".contains(&byte);
    (1..=15).contains(&text.len())
        && letters > 0
        && text.bytes().all(is_valid)
        && text.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_name_roles_in_any_spelling() {
        for (title, role) in [
            ("<TICKER>", Role::Symbol),
            ("ts_code", Role::Symbol),
            ("SYMBOL", Role::Symbol),
            ("Gmt time", Role::Date),
            ("timestamp_utc", Role::Date),
            ("<DATE>", Role::Date),
            ("Open Price", Role::Open),
            ("1. open", Role::Open),
            ("1._open", Role::Open),
            ("Close/Last", Role::Close),
            ("Vol.", Role::Volume),
            ("<VOL>", Role::Volume),
            ("TOTTRDQTY", Role::Volume),
            ("Adj Close", Role::AdjClose),
            ("Adjusted_close", Role::AdjClose),
        ] {
            assert!(rank(title, role).is_some(), "{title}");
        }
        for title in ["Prev Close", "PREVCLOSE", "Average Price", "pre_close", "Turnover", "Deliverable Volume"] {
            assert_eq!(price_role(title), None, "{title}");
        }
        assert!(rank("Close", Role::Close) < rank("Last", Role::Close));
        assert!(rank("Last", Role::Close) < rank("Price", Role::Close));
    }

    #[test]
    fn titles_name_symbol_and_price_together() {
        for (title, symbol, role) in [
            ("AAPL.Open", "AAPL", Role::Open),
            ("AAPL.Adjusted", "AAPL", Role::AdjClose),
            ("Close_MSFT", "MSFT", Role::Close),
            ("BRK.B.Close", "BRK.B", Role::Close),
            ("('Adj Close', 'BTC-USD')", "BTC-USD", Role::AdjClose),
        ] {
            assert_eq!(symbol_and_role(title), Some((symbol.to_owned(), role)), "{title}");
        }
        for title in ["Open", "Adj Close", "Prev Close", "close_usd", "mavg", "CLOSE_PRICE"] {
            assert_eq!(symbol_and_role(title), None, "{title}");
        }
    }
}
