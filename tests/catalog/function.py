"""Lambda as the function sees it: the Runtime API for one instance of the function, behind Lambda's invocation API."""

import http.server
import json
import queue
import threading

import servers

NEXT = "/2018-06-01/runtime/invocation/next"


class Function:
    """The sink in the template's environment. `stored` counts the records of successful invocations."""

    def __init__(self, running, program, environment, s3):
        self.stored = 0
        self.events, self.answers = queue.Queue(), queue.Queue()
        self.one_at_a_time = threading.Lock()
        function = self

        class Api(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply(200, function.events.get(), {"Lambda-Runtime-Aws-Request-Id": "1"})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path.endswith("/invocations"):
                    failed, answer = function.process(body)
                    self.reply(200, answer, {"X-Amz-Function-Error": "Unhandled"} if failed else {})
                else:
                    function.answers.put((self.path.endswith("/error"), body))
                    self.reply(202, b"")

            def reply(self, status, body, headers=None):
                self.send_response(status)
                deadline = {"Lambda-Runtime-Deadline-Ms": "4102444800000", "Content-Length": str(len(body))}
                arn = {"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:sink"}
                for name, value in (deadline | arn | (headers or {})).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self.api.daemon_threads = True
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        runtime = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "sink",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/sink",
            "AWS_LAMBDA_LOG_STREAM_NAME": "check",
            "AWS_ENDPOINT_URL_S3": s3,
        }
        running.start("sink", [program], environment | runtime)
        self.url = f"http://127.0.0.1:{self.api.server_port}/2015-03-31/functions/sink/invocations"

    def process(self, event):
        """Passes an event to the function, and returns whether it failed and its answer."""
        with self.one_at_a_time:
            self.events.put(event)
            failed, answer = self.answers.get(timeout=servers.TIMEOUT)
        if not failed:
            self.stored += sum(map(len, json.loads(event)["records"].values()))
        return failed, answer

    def invoke(self, event):
        failed, answer = self.process(json.dumps(event, separators=(",", ":")).encode())
        if failed:
            raise RuntimeError(f"the function failed: {answer.decode()}")
