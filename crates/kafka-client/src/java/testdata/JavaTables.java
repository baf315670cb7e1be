// Writes the tables of this folder: the pairs that Java reads from lines of a properties file, and the login that Apache
// Kafka's client reads from sasl.jaas.config.
//
//     java -cp kafka-clients.jar:slf4j-api.jar JavaTables.java FOLDER
//
// The tables were made with OpenJDK 17.0.15 and kafka-clients 4.2.0.

import java.io.PrintWriter;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.common.security.JaasContext;

class JavaTables {
    static final String[] PROPERTIES = {
        // Separators.
        "key=value", "key:value", "key value", "key\tvalue", "key\fvalue", "key = value", "key : value", "key  value",
        "key==value", "key=:value", "key:=value", "key =  = value", "key \t:\f value", "key", "key=", "key:", "key ",
        "=value", ":value", " = value", "key=a=b:c d", "sasl.password=p@ss:w=rd",
        // Blanks.
        "  key=value", "\tkey=value", "\fkey=value", "key=value ", "key=value \t", "key=  value  ", "key= ", "key=\\ value",
        "key=value\\ ", "key=\\tvalue", "key=\u00a0value\u00a0", "\u00a0key=value", "key\u3000value", "   ", "", "\n\n",
        // Comments.
        "# comment", "! comment", "  # comment", "\t! comment", "#key=value", "key=#value", "key=value # no comment",
        "key#=value", "# continued \\\nkey=value", "# C:\\users\\u00zz", "#", "!\\",
        // Line ends.
        "a=1\nb=2", "a=1\r\nb=2\r\n", "a=1\rb=2\r", "a=1\n\r\n\rb=2", "a=1\n", "a=1\u0085b=2", "a=1\u2028b=2",
        // Continuations.
        "key=a\\\nb", "key=a\\\r\nb", "key=a\\\rb", "key=a\\\n   b", "key=a \\\n\t b", "key=a\\\n\\\nb", "key=a\\\\\nb=c",
        "key=a\\\\\\\nb", "key=a\\\n", "key=a\\", "key=a\\\\", "key\\\n=value", "ke\\\n  y=value", "key=a\\\n#b",
        "key=a\\\n\nb=c", "key=a\\\n \n b=c", "\\\nkey=value", "\\\n#key=value\nb=c", "\\\n\n", "\\", "key=\\\n\u00a0b",
        "key=a,\\\n    b,\\\n    c",
        // Escapes.
        "key=\\n\\t\\r\\f", "key=\\a\\b\\v\\0\\x\\\"\\'", "key=\\\\", "key=\\=\\:\\#\\!", "k\\=e\\:y=value", "k\\ ey=value",
        "k\\ey=value", "\\#key=value", "key\\\\=value", "key\\\\ value",
        // Unicode.
        "key=\\u00fc", "key=\\u00FC", "key=\\u20ac1", "key=\\ud83d\\ude00", "key=\\uD83D\\uDE00!", "key=a\\u003db",
        "k\\u003dey=value", "\\u0023key=value", "key=\\u0020value\\u0020", "key=\\\\u00fc", "key=\\\\\\u00fc", "key=\\u005cn",
        "key=\\u000a", "key=\u00fc\u20ac", "sch\u00fcssel=\u00e4", "key=\ud83d\ude00", "key=\\ud83d", "key=\\ude00\\ud83d",
        "key=\\u", "key=\\u00f", "key=\\u00fg", "key=\\uu00fc", "key=\\U00fc", "key=\\u+0fc",
        // Duplicates.
        "key=1\nkey=2", "a=1\nb=2\na=3",
        // Realistic.
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"
            + "    username=\"alice\" \\\n    password=\"s3cr=t; #! \\\\\"x\\\\\"\";",
        "ssl.truststore.certificates=-----BEGIN CERTIFICATE-----\\nMII\\n-----END CERTIFICATE-----",
    };

    static final String SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule";

    static final String[] JAAS = {
        // Quotes.
        "required username=\"u\" password=\"p w\";", "required username='u' password='p w';",
        "required username=u password=p;", "required password=\"p\" username=\"u\";", "required username=\"u\" password=\"\";",
        "required username=\"u\" password=\"it's\";", "required username='u' password='say \"hi\"';",
        "required username=\"u\" password=\"p;w\";", "required username=\"u\" password=\"a=b\";",
        "required username=\"u\" password=\"# ! // /* */\";", "required username=\"u\" password=\" p \";",
        "required username=\"\u00fc\" password=\"\u20ac\";",
        // Escapes.
        "required username=\"u\" password=\"a\\\\b\";", "required username=\"u\" password=\"a\\\"b\";",
        "required username=\"u\" password=\"a\\'b\";", "required username=\"u\" password=\"a\\nb\\tc\\rd\";",
        "required username=\"u\" password=\"\\a\\b\\f\\v\";", "required username=\"u\" password=\"\\0\\7\\12\\101\\377\\400\";",
        "required username=\"u\" password=\"\\8\\18\\x\\u\\;\\=\";", "required username='u' password='a\\nb';",
        // Spacing and comments.
        "required\n  username = \"u\"\n  password\t=\t\"p\"\n;", "required username=\"u\" password=\"p\" ;",
        "required username=\"u\"password=\"p\";", "required username=\"u\" password=\"p\"; ",
        "required /* c */ username=\"u\" // c\n password=\"p\";", "required # username=\"u\" password=\"p\";",
        // Other options and flags.
        "required tokenauth=\"true\" username=\"u\" password=\"p\";", "required username=\"u\" username=\"v\" password=\"p\";",
        "REQUIRED username=\"u\" password=\"p\";", "optional username=\"u\" password=\"p\";",
        "sufficient username=\"u\" password=\"p\";", "requisite username=\"u\" password=\"p\";",
        // Bare words.
        "required username=u-1_$.x password=p0;", "required username=u password=1234;", "required username=u password=-1;",
        "required username=u password=p@q;", "required username=user\u00fc password=p;", "required username=u/v password=p;",
        // Invalid.
        "required username=\"u\" password=\"p\"", "required username=\"u\" password=;", "required username password=\"p\";",
        "required username=\"u\" password=\"p\nq\";", "required username=\"u\" password=\"p;", "needed username=\"u\" password=\"p\";",
        "username=\"u\" password=\"p\";", "required", "", "required;",
        "required username=\"u\" password=\"p\"; " + SCRAM + " required username=\"v\" password=\"q\";",
    };

    public static void main(String[] args) throws Exception {
        try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(Path.of(args[0], "properties.jsonl")))) {
            for (String text : PROPERTIES) {
                Properties properties = new Properties();
                String result;
                try {
                    properties.load(new StringReader(text));
                    Map<String, String> sorted = new TreeMap<>();
                    properties.forEach((key, value) -> sorted.put((String) key, (String) value));
                    result = sorted.values().stream().allMatch(JavaTables::isText) ? object(sorted) : "\"unpaired surrogate\"";
                } catch (IllegalArgumentException error) {
                    result = "\"" + error.getMessage().replace("\\", "\\\\") + "\"";
                }
                out.println("{\"text\":" + string(text) + ",\"java\":" + result + "}");
            }
        }
        try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(Path.of(args[0], "jaas.jsonl")))) {
            for (String options : JAAS) {
                String config = options.isEmpty() ? "" : SCRAM + " " + options;
                String result;
                try {
                    AppConfigurationEntry entry =
                        JaasContext.loadClientContext(Map.of("sasl.jaas.config", new Password(config)))
                            .configurationEntries().get(0);
                    Map<String, String> login = new LinkedHashMap<>();
                    for (String name : new String[] {"username", "password"}) {
                        if (entry.getOptions().get(name) instanceof String value) login.put(name, value);
                    }
                    result = object(login);
                } catch (RuntimeException error) {
                    result = string(error.getMessage() == null ? error.toString() : error.getMessage());
                }
                out.println("{\"config\":" + string(config) + ",\"kafka\":" + result + "}");
            }
        }
    }

    static boolean isText(String text) {
        return java.nio.charset.StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }

    static String object(Map<String, String> map) {
        StringBuilder json = new StringBuilder("{");
        map.forEach((key, value) -> json.append(json.length() > 1 ? "," : "").append(string(key)).append(":").append(string(value)));
        return json.append("}").toString();
    }

    static String string(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') json.append('\\').append(c);
            else if (c < ' ' || c > '~') json.append(String.format("\\u%04x", (int) c));
            else json.append(c);
        }
        return json.append('"').toString();
    }
}
