"""The crawler: it may add columns to the table, and must not change any."""

import athena
from cli import AwsError
from report import Failed, Pending, counted, grouped


def columns(run):
    """Returns the table's columns and partition keys as (name, type) pairs."""
    table = run.aws("glue", "get-table", "--database-name", run.stack.output("Database"), "--name", "quotes")["Table"]
    all_columns = table["StorageDescriptor"]["Columns"] + table.get("PartitionKeys", [])
    return [(column["Name"], column["Type"]) for column in all_columns]


def crawled(run):
    """Step: a crawl succeeds and leaves the table unchanged."""
    name = run.stack.output("Crawler")
    before, rows = columns(run), athena.count_quotes(run)
    last = run.aws("glue", "get-crawler", "--name", name)["Crawler"].get("LastCrawl", {}).get("StartTime")
    try:
        run.aws("glue", "start-crawler", "--name", name)
    except AwsError as error:
        if "CrawlerRunningException" not in error.output:
            raise

    def poll():
        crawler = run.aws("glue", "get-crawler", "--name", name)["Crawler"]
        ended = crawler["State"] == "READY" and crawler.get("LastCrawl", {}).get("StartTime") != last
        return crawler["LastCrawl"] if ended else Pending(f"the crawler is {crawler['State']}")

    crawl = run.report.wait_until(poll, f"see the crawler {name} in Glue's console")
    if crawl["Status"] != "SUCCEEDED":
        raise Failed(f"the crawl is {crawl['Status']}: {crawl.get('ErrorMessage', 'no reason given')}",
                     f"read the log group {crawl.get('LogGroup', '/aws-glue/crawlers')}")
    after = columns(run)
    if after != before:
        removed = [f"{column} {kind}" for column, kind in before if (column, kind) not in after]
        added = [f"{column} {kind}" for column, kind in after if (column, kind) not in before]
        raise Failed("the columns of quotes have changed: removed "
                     f"{removed or 'none'}, added {added or 'none, but the order differs'}",
                     "if the feed has new columns, this is correct and a second run succeeds; if not, `sam deploy` "
                     "restores the columns")
    now = athena.count_quotes(run)
    if now != rows:
        raise Failed(f"quotes has {counted(now, 'row')}, but had {grouped(rows)} before the crawl",
                     "stop all producers and run this again; if the counts still differ, see what the crawler changed "
                     "in the table")
    return f"SUCCEEDED; the {len(after)} columns of quotes and its {counted(now, 'row')} are unchanged"
