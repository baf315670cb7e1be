"""The crawler, which may add columns to the table and must change none."""

import athena
from cli import AwsError
from report import Failed, Waiting, number


def columns(run):
    """The table's columns and partition keys, with their types."""
    told = run.aws("glue", "get-table", "--database-name", run.stack.output("Database"), "--name", "quotes")["Table"]
    both = told["StorageDescriptor"]["Columns"] + told.get("PartitionKeys", [])
    return [(column["Name"], column["Type"]) for column in both]


def crawled(run):
    """The step: a crawl succeeds, and the table is as before."""
    name = run.stack.output("Crawler")
    before, rows = columns(run), athena.quotes(run)
    last = run.aws("glue", "get-crawler", "--name", name)["Crawler"].get("LastCrawl", {}).get("StartTime")
    try:
        run.aws("glue", "start-crawler", "--name", name)
    except AwsError as error:
        if "CrawlerRunningException" not in error.said:
            raise

    def look():
        told = run.aws("glue", "get-crawler", "--name", name)["Crawler"]
        ended = told["State"] == "READY" and told.get("LastCrawl", {}).get("StartTime") != last
        return told["LastCrawl"] if ended else Waiting(f"the crawler is {told['State']}")

    crawl = run.report.until(look, f"look at the crawler {name} in Glue's console")
    if crawl["Status"] != "SUCCEEDED":
        raise Failed(f"the crawl has {crawl['Status']}: {crawl.get('ErrorMessage', 'no reason')}",
                     f"read the log group {crawl.get('LogGroup', '/aws-glue/crawlers')}")
    after = columns(run)
    if after != before:
        gone = [f"{column} {kind}" for column, kind in before if (column, kind) not in after]
        new = [f"{column} {kind}" for column, kind in after if (column, kind) not in before]
        raise Failed(f"the columns of quotes have changed: no more {gone or 'none'}, now {new or 'none, but in another order'}",
                     "if the feed has new columns they are right, and a second run is ok; else `sam deploy` puts them back")
    now = athena.quotes(run)
    if now != rows:
        raise Failed(f"quotes has {number(now)} rows, before the crawl it had {number(rows)}",
                     "let nothing feed the topic meanwhile; else look at what the crawler has changed in the table")
    return f"SUCCEEDED; the {len(after)} columns of quotes and its {number(now)} rows are as before"
