// Uploads a file with tus-js-client as its argument (JSON) says; prints where it is, also when it
// was told to stop on the way.
import { createReadStream, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const wanted = JSON.parse(process.argv[2]);
const say = (url) => process.stdout.write(`${JSON.stringify({ url })}\n`);

const upload = new Upload(createReadStream(wanted.file), {
  endpoint: wanted.endpoint,
  uploadUrl: wanted.url,
  uploadSize: statSync(wanted.file).size,
  uploadDataDuringCreation: wanted.withCreation ?? false,
  overridePatchMethod: wanted.overrideMethod ?? false,
  chunkSize: wanted.chunkSize ?? Number.POSITIVE_INFINITY,
  headers: wanted.headers,
  metadata: wanted.metadata,
  retryDelays: [0, 250, 500, 1000, 2000, 4000, 8000, 8000, 8000],
  onUploadUrlAvailable() {
    process.stderr.write(`${upload.url}\n`);
  },
  onChunkComplete(_size, accepted) {
    if (wanted.stopAt !== undefined && accepted >= wanted.stopAt) {
      upload.abort().then(() => {
        say(upload.url);
        process.exit(0);
      });
    }
  },
  onSuccess() {
    say(upload.url);
  },
  onError(error) {
    process.stderr.write(`${error}\n`);
    process.exitCode = 1;
  },
});
upload.start();
