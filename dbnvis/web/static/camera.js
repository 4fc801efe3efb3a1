// Pictures from outside: a camera, a pasted or dropped picture, a file. What cannot be read is said in a sentence.

/** Pixels of a picture at most, as datasets/pictures.py has it. */
export const LARGEST = 50_000_000;
const PATIENCE = 3000; // milliseconds to wait for a camera: from file:// some browsers never answer

/**
 * Decode a picture.
 * @param {Blob} file
 * @returns {Promise<ImageBitmap>}
 */
export async function readPicture(file) {
  if (file.type && !file.type.startsWith("image/")) throw new Error(`expected a picture, got a file of type ${file.type}`);
  if (file.size > 64 * 2 ** 20) throw new Error(`the file has ${Math.round(file.size / 2 ** 20)} MB; expected at most 64`);
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Error("this file is no picture that the browser can read, or it is damaged");
  }
  if (picture.width * picture.height <= LARGEST) return picture;
  const {width, height} = picture;
  picture.close();
  throw new Error(`the picture has ${width} × ${height} pixels; expected at most 50 million`);
}

/**
 * The first picture of what was pasted or dropped.
 * @param {DataTransfer | null} data
 * @returns {File | null}
 */
export function pictureIn(data) {
  return [...(data?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? data?.files[0] ?? null;
}

/** A camera whose pictures are shown until it is stopped. */
export class Camera {
  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.video = video;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.asked = false; // and has not answered yet
  }

  get on() {
    return this.stream !== null;
  }

  /** Start; an error that says what to do if there is none, or it may not be used. */
  async start() {
    const where = "Cameras work from dbnvis live (127.0.0.1) and, in most browsers, from a file.";
    if (!navigator.mediaDevices?.getUserMedia) throw new Error(`This browser offers no camera to this page. ${where}`);
    if (this.asked) throw new Error("The camera has been asked for already; wait for its answer.");
    let late = false;
    this.asked = true;
    const wanted = navigator.mediaDevices.getUserMedia({video: {width: {ideal: 640}, facingMode: "environment"}});
    const tooLate = new Promise((_, reject) => {
      setTimeout(() => {
        late = true;
        reject(new Error(`The camera did not answer within 3 seconds. ${where}`));
      }, PATIENCE);
    });
    wanted.then((stream) => late && stop(stream), () => {}); // nobody waits for it any more
    try {
      this.stream = /** @type {MediaStream} */ (await Promise.race([wanted, tooLate]));
    } catch (error) {
      throw new Error(cameraError(error));
    } finally {
      this.asked = false;
    }
    this.video.srcObject = this.stream;
    await this.video.play();
  }

  stop() {
    if (this.stream) stop(this.stream);
    this.stream = null;
    this.video.srcObject = null;
  }
}

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function cameraError(error) {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError") return "The camera may not be used: allow it for this page in the browser, then try again.";
  if (name === "NotFoundError") return "No camera was found. Draw, paste or drop a picture instead.";
  if (name === "NotReadableError") return "The camera is in use by another program.";
  return error instanceof Error ? error.message : String(error);
}
