"""Fill a hole: python bin/predict.py --model MODEL --image photo.jpg --mask mask.png --output out.png"""

import sys

from latent_inpaint.cli import main

if __name__ == "__main__":
    sys.exit(main(["predict", *sys.argv[1:]]))
