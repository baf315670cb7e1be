//! Commands and files of a page, read from its fenced blocks.

#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// A heading, at which the commands that run until Ctrl-C are interrupted.
    Heading,
    /// A file that the page shows, in a `csv` block that names it.
    File { name: String, text: String },
    Command {
        line: String,
        /// Output that the page shows below the command, in a `text` block.
        shown: Option<Vec<String>>,
    },
}

/// Returns the headings, files and commands of a page, in order.
pub(super) fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            steps.push(Step::Heading);
        }
        let Some(fence) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match fence.split_once(' ').unwrap_or((fence, "")) {
            ("sh", "") => steps.extend(commands(&block.join("\n")).map(|line| Step::Command { line, shown: None })),
            ("text", "") => steps.extend(transcript(&block)),
            ("csv" | "python" | "r", "") => {}
            ("csv", name) => steps.push(Step::File { name: name.to_owned(), text: block.join("\n") + "\n" }),
            _ => panic!("a block is {fence:?}, not sh, text, csv, python or r: {block:?}"),
        }
    }
    steps
}

/// Returns the commands of a shell script, each on one line and without its comment.
fn commands(script: &str) -> impl Iterator<Item = String> {
    let joined = script.replace("\\\n", " ");
    let lines = joined.lines().map(|line| line.split_once("  #").map_or(line, |(command, _)| command));
    let commands = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    commands.filter(|line| !line.is_empty() && !line.starts_with('#')).collect::<Vec<_>>().into_iter()
}

/// Returns the commands of a `text` block, which begin with `$ `, with the output below each.
fn transcript(block: &[&str]) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => {
                steps.push(Step::Command { line: command.to_owned(), shown: Some(Vec::new()) });
            }
            (None, Some(Step::Command { shown: Some(shown), .. })) => shown.push((*line).to_owned()),
            (None, _) => panic!("a text block does not begin with a command: {line}"),
        }
    }
    steps
}

#[test]
fn files_and_commands_are_read_from_a_page() {
    let text = "# A\n```sh\n# why\na  b   # c\nd \\\n    e\n```\n## B\n```csv X 1.csv\na,b\n1,2\n```\n```text\n$ f '#'\n1\n...\n$ g\n```\n";
    let command = |line: &str, shown: Option<&[&str]>| Step::Command {
        line: line.to_owned(),
        shown: shown.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect()),
    };
    assert_eq!(
        steps(text),
        [
            Step::Heading,
            command("a b", None),
            command("d e", None),
            Step::Heading,
            Step::File { name: "X 1.csv".to_owned(), text: "a,b\n1,2\n".to_owned() },
            command("f '#'", Some(&["1", "..."])),
            command("g", Some(&[])),
        ]
    );
}
