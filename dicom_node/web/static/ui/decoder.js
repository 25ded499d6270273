import{h as a,i as b}from"./chunk-UFQYUTJX.js";import"./chunk-OOJM4CTU.js";export{b as decodeImageFrame,a as postProcessDecodedPixels};
